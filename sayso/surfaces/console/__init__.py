"""The console: what waits for people, and everything that happened, in a browser.

Where to look: `app` puts it together · `edge` is what every request passes (host, origin) ·
`sign_in` begins and ends sessions · `visit` is one request of somebody who is signed in · `render`
makes pages of `templates/` · `live` tells open pages that something has changed · one module per
page: `inbox` (`inbox_view`, `inbox_query`, `queue`, `handed_over`, `saved`), `solution` (`answers`,
`changed`; of test cards `canary`), `bulk`, `action` (`settle`), `work`, `compose`, `seat`,
`customers`, `audit` (`question`, `case`, `export`, `repair`), `figures` (`figure_charts`, drawn by
`charts`), `policy` (`backtest`), `people` (`staff`, `connecting`), `passkeys`, `account_link`,
`rollout`, `rule` (`rule_rows`), `stop`, `me` · `install` is what a browser installs, and is told.
"""
