// Sends one event of each call to the host of the first argument; fails if the library saw an error.
const { Analytics } = require(process.argv[3] + "/node_modules/@segment/analytics-node");
const analytics = new Analytics({ writeKey: "any", host: process.argv[2], maxRetries: 0 });
analytics.on("error", (error) => { console.error(error); process.exitCode = 1; });
const ann = { userId: "ann", anonymousId: "phone" };
analytics.identify({ ...ann, traits: { email: "ann@example.org" } });
analytics.track({ ...ann, event: "Product Viewed", properties: { product_id: "milk" } });
analytics.page({ ...ann, name: "Home" });
analytics.screen({ ...ann, name: "Basket" });
analytics.group({ ...ann, groupId: "club" });
analytics.alias({ userId: "ann", previousId: "phone" });
analytics.closeAndFlush();
