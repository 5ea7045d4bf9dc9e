// The linter that others run over API descriptions, with its strictest recommended rules, over ours:
// openapi.mjs FILE. Exits 1 when it says anything at all.
import { createConfig, lint } from "@redocly/openapi-core";

const problems = await lint({ ref: process.argv[2], config: await createConfig({ extends: ["recommended-strict"] }) });
for (const problem of problems)
  console.log(`${problem.severity}: ${problem.ruleId}: ${problem.message} ${problem.location.map((at) => at.pointer).join(" ")}`);
console.log(`${problems.length} findings`);
process.exitCode = problems.length > 0 ? 1 : 0;
