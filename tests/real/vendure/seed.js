// A product, customers, and orders that went through the checkout of the shop's own API.
// PORT, ORDERS; prints {"key", "orders": [{"id", "code", "customer", "payment"}]}.
const BASE = `http://127.0.0.1:${process.env.PORT}`;
const PEOPLE = ['ana', 'ben'];

async function ask(api, query, variables = {}, token) {
    const headers = { 'content-type': 'application/json' };
    if (token) headers.authorization = `Bearer ${token}`;
    const answer = await fetch(`${BASE}/${api}`, { method: 'POST', headers, body: JSON.stringify({ query, variables }) });
    const body = await answer.json();
    if (body.errors) throw new Error(`${body.errors[0].message} in ${query.slice(0, 80)}`);
    return { data: body.data, token: answer.headers.get('vendure-auth-token') || token };
}

async function begin() {
    const login = 'mutation($u:String!,$p:String!){login(username:$u,password:$p){__typename}}';
    const owner = (await ask('admin-api', login, { u: 'superadmin', p: 'superadmin' })).token;
    const admin = async (query, variables) => (await ask('admin-api', query, variables, owner)).data;
    const permissions = ['ReadOrder', 'UpdateOrder', 'ReadCustomer', 'ReadApiKey', 'CreateApiKey', 'ReadPaymentMethod'];
    const role = (await admin('mutation($i:CreateRoleInput!){createRole(input:$i){id}}', { i: { code: 'support', description: 'support', permissions } })).createRole.id;
    await admin('mutation($i:CreateAdministratorInput!){createAdministrator(input:$i){id}}', {
        i: { firstName: 'Support', lastName: 'Desk', emailAddress: 'support@shop.example', password: 'support', roleIds: [role] },
    });
    const support = (await ask('admin-api', login, { u: 'support@shop.example', p: 'support' })).token;
    const made = await ask('admin-api', 'mutation($i:CreateApiKeyInput!){createApiKey(input:$i){apiKey}}', { i: { roleIds: [role], translations: [{ languageCode: 'en', name: 'sayso' }] } }, support);
    const product = (await admin('mutation($i:CreateProductInput!){createProduct(input:$i){id}}', { i: { enabled: true, translations: [{ languageCode: 'en', name: 'Blue mug', slug: 'mug', description: 'A mug' }] } })).createProduct.id;
    const variant = (await admin('mutation($i:[CreateProductVariantInput!]!){createProductVariants(input:$i){id}}', {
        i: [{ productId: product, sku: 'MUG', price: 1250, stockOnHand: 100000, translations: [{ languageCode: 'en', name: 'Blue mug' }] }],
    })).createProductVariants[0].id;
    const customers = [];
    for (const name of PEOPLE) {
        const emailAddress = `${name}@example.com`;
        const one = (await admin('mutation($i:CreateCustomerInput!,$p:String){createCustomer(input:$i,password:$p){...on Customer{id}}}', { i: { firstName: name, lastName: 'X', emailAddress }, p: 'password' })).createCustomer;
        customers.push({ id: one.id, emailAddress });
    }
    return { key: made.data.createApiKey.apiKey, variant, customers };
}

async function order(customer, variant) {
    const token = (await ask('shop-api', 'mutation($u:String!){login(username:$u,password:"password"){__typename}}', { u: customer.emailAddress })).token;
    const shop = async (query, variables) => (await ask('shop-api', query, variables, token)).data;
    await shop('mutation($v:ID!){addItemToOrder(productVariantId:$v,quantity:2){__typename ...on ErrorResult{message}}}', { v: variant });
    await shop('mutation($i:CreateAddressInput!){setOrderShippingAddress(input:$i){__typename}}', { i: { fullName: 'X', streetLine1: 'Old Street 1', city: 'Berlin', postalCode: '10115', countryCode: 'DE' } });
    const method = (await shop('{eligibleShippingMethods{id}}')).eligibleShippingMethods[0].id;
    await shop('mutation($m:[ID!]!){setOrderShippingMethod(shippingMethodId:$m){__typename}}', { m: [method] });
    await shop('mutation{transitionOrderToState(state:"ArrangingPayment"){__typename}}');
    const paid = (await shop('{eligiblePaymentMethods{code}}')).eligiblePaymentMethods[0].code;
    const made = (await shop('mutation($m:String!){addPaymentToOrder(input:{method:$m,metadata:{}}){...on Order{id code state payments{id}} ...on ErrorResult{message}}}', { m: paid })).addPaymentToOrder;
    if (made.state !== 'PaymentSettled') throw new Error(JSON.stringify(made));
    return { id: made.id, code: made.code, customer: customer.id, payment: made.payments[0].id };
}

(async () => {
    const { key, variant, customers } = await begin();
    const orders = [];
    for (let number = 0; number < +process.env.ORDERS; number++) orders.push(await order(customers[0], variant));
    console.log(JSON.stringify({ key, customers: customers.map(one => one.id), orders }));
})().catch(error => {
    console.error(error);
    process.exit(1);
});
