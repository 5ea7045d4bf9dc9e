// The frameworks themselves with the tools of examples/agents: agents.mjs, with COUNTERSIGN_URL and COUNTERSIGN_TOKEN of a
// server whose policy allows agent.interop.free and refuses the rest.
import assert from "node:assert/strict";

import { tool as langchainTool } from "@langchain/core/tools";
import { Agent, run, tool as openaiTool, setTracingDisabled, Usage } from "@openai/agents";
import { generateText, stepCountIs, tool as aiTool } from "ai";
import { MockLanguageModelV4 } from "ai/test";
import { z } from "zod";

import { aiSdkTools, gateFor, gatedFunction, gatedTool } from "../../examples/agents/tools.mjs";

setTracingDisabled(true);
const gate = gateFor({ url: process.env.COUNTERSIGN_URL, token: process.env.COUNTERSIGN_TOKEN, agent: "interop", session: `${process.pid}`, patience: 20 });
const parameters = z.object({ n: z.number() });
const runs = [];
const act = (what) => async ({ n }) => {
  runs.push(`${what} ${n}`);
  return `did ${n}`;
};

async function aiSdk(name) {
  let calls = 0;
  const usage = { inputTokens: { total: 1 }, outputTokens: { total: 1 } };
  const model = new MockLanguageModelV4({
    doGenerate: async () => ++calls === 1
      ? { content: [{ type: "tool-call", toolCallId: `ai-${name}`, toolName: name, input: '{"n":1}' }], finishReason: { unified: "tool-calls" }, usage, warnings: [] }
      : { content: [{ type: "text", text: "DONE" }], finishReason: { unified: "stop" }, usage, warnings: [] },
  });
  const tools = aiSdkTools(gate, { [name]: aiTool({ description: "d", inputSchema: parameters, execute: act("ai") }) });
  const done = await generateText({ model, prompt: "go", tools, stopWhen: stepCountIs(3) });
  return JSON.stringify(done.steps[0].toolResults);
}

async function openaiAgents(name) {
  let calls = 0;
  const usage = new Usage();
  const model = {
    getResponse: async () => ++calls === 1
      ? { usage, output: [{ type: "function_call", callId: `openai-${name}`, name, status: "completed", arguments: '{"n":2}' }] }
      : { usage, output: [{ type: "message", role: "assistant", status: "completed", content: [{ type: "output_text", text: "DONE" }] }] },
  };
  const tool = openaiTool(gatedTool(gate, { name, description: "d", parameters, execute: act("openai") }));
  const done = await run(new Agent({ name: "a", instructions: "i", model, tools: [tool] }), "go");
  return JSON.stringify(done.history);
}

async function langchain(name, id = `langchain-${name}`) {
  const tool = langchainTool(gatedFunction(gate, name, act("langchain")), { name, description: "d", schema: parameters });
  return JSON.stringify(await tool.invoke({ type: "tool_call", id, name, args: { n: 3 } }));
}

for (const framework of [aiSdk, openaiAgents, langchain]) {
  assert.match(await framework("free"), /did \d/, framework.name);
  assert.match(await framework("other"), /NOT RUN.*refused/, framework.name);
  // Played again with the same id of the call, nothing runs.
  assert.match(await framework("free"), /NOT RUN/, framework.name);
}
assert.deepEqual(runs, ["ai 1", "openai 2", "langchain 3"]);
console.log("the frameworks run what is approved, once");
