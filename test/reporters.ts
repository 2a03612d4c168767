/** What a suite prints; with TEST_REPORT=<file> it also leaves its counts there, for CI to add up. */
const report = process.env["TEST_REPORT"];

export const reporting = report === undefined ? {} : { reporters: ["default", "json"], outputFile: { json: report } };
