// Sends one event of each call to the host of the first argument; fails if the library saw an error.
const { Analytics } = require(process.argv[3] + "/node_modules/@segment/analytics-node");
const analytics = new Analytics({ writeKey: "any", host: process.argv[2], maxRetries: 0 });
analytics.on("error", (error) => { console.error(error); process.exitCode = 1; });
const eve = { userId: "eve", anonymousId: "tablet" };
analytics.identify({ ...eve, traits: { email: "eve@example.org" } });
analytics.track({ ...eve, event: "Product Viewed", properties: { product_id: "milk" } });
analytics.page({ ...eve, name: "Home" });
analytics.screen({ ...eve, name: "Basket" });
analytics.group({ ...eve, groupId: "club" });
analytics.alias({ userId: "eve", previousId: "tablet" });
analytics.closeAndFlush();
