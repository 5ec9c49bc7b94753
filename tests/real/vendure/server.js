// A real Vendure on loopback, on PostgreSQL. Its payment handler is a payment provider of its own:
// each payment and refund that it carries out is one line of BOOKS, outside of Vendure's database.
// PORT, PG_HOST (a socket's folder), PG_DB, BOOKS; FIRST=1 lays schema and initial data.
const fs = require('fs');
const core = require('@vendure/core');
const { populateInitialData } = require('@vendure/core/cli');

const BOOKS = process.env.BOOKS;
const write = line => fs.appendFileSync(BOOKS, JSON.stringify(line) + '\n');
const serial = () => Math.random().toString(36).slice(2, 12);

const acquirer = new core.PaymentMethodHandler({
    code: 'acquirer',
    args: {},
    description: [{ languageCode: core.LanguageCode.en, value: 'An acquirer that keeps books' }],
    createPayment: async (ctx, order, amount) => {
        const transactionId = 'pay_' + serial();
        write({ kind: 'payment', id: transactionId, order: order.code, amount });
        return { amount, state: 'Settled', transactionId, metadata: {} };
    },
    settlePayment: async () => ({ success: true }),
    createRefund: async (ctx, input, amount, order, payment) => {
        const transactionId = 'ref_' + serial();
        write({ kind: 'refund', id: transactionId, order: order.code, amount, reason: input.reason });
        // It has paid; with this file beside the books it answers only once the file is gone.
        while (fs.existsSync(BOOKS + '.slow-' + process.env.PORT))
            await new Promise(done => setTimeout(done, 50));
        return { state: 'Settled', transactionId, metadata: {} };
    },
});

const config = core.mergeConfig(core.defaultConfig, {
    apiOptions: { hostname: '127.0.0.1', port: +process.env.PORT, adminApiPath: 'admin-api', shopApiPath: 'shop-api' },
    authOptions: {
        tokenMethod: ['bearer', 'api-key'],
        requireVerification: false,
        superadminCredentials: { identifier: 'superadmin', password: 'superadmin' },
        cookieOptions: { secret: 'loopback' },
    },
    dbConnectionOptions: {
        type: 'postgres',
        host: process.env.PG_HOST,
        username: 'postgres',
        database: process.env.PG_DB,
        synchronize: !!process.env.FIRST,
        logging: false,
    },
    paymentOptions: { paymentMethodHandlers: [acquirer] },
    logger: new core.DefaultLogger({ level: core.LogLevel.Error }),
});

const initialData = {
    defaultLanguage: 'en',
    defaultZone: 'Europe',
    countries: [{ code: 'DE', name: 'Germany', zone: 'Europe' }],
    taxRates: [{ name: 'Standard Tax', percentage: 20 }],
    shippingMethods: [{ name: 'Standard Shipping', price: 500 }],
    paymentMethods: [{ name: 'Card', handler: { code: 'acquirer', arguments: [] } }],
    collections: [],
};

core.bootstrap(config)
    .then(async app => {
        if (process.env.FIRST) await populateInitialData(app, initialData);
        console.log('ready');
    })
    .catch(error => {
        console.error(error);
        process.exit(1);
    });
