// Calls what examples/agents makes of tools as the frameworks call it, and prints what came of it: agents_adapters.mjs SESSION
import { aiSdkTools, answerCodex, canUseTool, gateFor, gatedFunction, gatedTool } from "../../examples/agents/tools.mjs";

const gate = gateFor({ url: process.env.COUNTERSIGN_URL, token: process.env.COUNTERSIGN_TOKEN, agent: "test", session: process.argv[2], patience: 20 });
const runs = [];
const act = (what) => async (input) => {
  runs.push(what);
  if (input.fails) throw new Error("as it was told");
  return `did ${input.n}`;
};
const said = {};
const tools = aiSdkTools(gate, { free: { description: "d", execute: act("ai") }, never: { execute: act("never") }, asked: { execute: act("asked") } });
said.ai = await tools.free.execute({ n: 1 }, { toolCallId: "c1" });
said.replayed = await tools.free.execute({ n: 1 }, { toolCallId: "c1" });
said.edited = await tools.never.execute({ n: 2 }, { toolCallId: "c1" });
said.denied = await tools.asked.execute({ n: 3 }, { toolCallId: "c2" });
said.failed = await tools.free.execute({ n: 4, fails: true }, { toolCallId: "c3" }).catch((problem) => problem.message);
const node = gatedFunction(gate, "free", act("langchain"));
said.langchain = [await node({ n: 5 }, { toolCall: { id: "l1" } }), await node({ n: 5 }, { toolCall: { id: "l1" } })];
const openai = gatedTool(gate, { name: "Free", execute: act("openai") });
said.openai = [await openai.execute({ n: 6 }, {}, { toolCall: { callId: "o1" } }), await openai.execute({ n: 6 }, {}, { toolCall: { callId: "o1" } })];
const permit = canUseTool(gate);
const suggestions = [{ type: "addRules" }];
said.claude = [await permit("free", { n: 7 }, { toolUseID: "t1", suggestions }), await permit("never", { n: 8 }, { toolUseID: "t2", suggestions })];
const codex = answerCodex(gate);
const command = (itemId, free) => ({ method: "item/commandExecution/requestApproval", params: { threadId: "t", turnId: "u", itemId, command: free ? "free" : "never",
  availableDecisions: ["accept", "acceptForSession"], proposedExecpolicyAmendment: ["free"] } });
said.codex = [await codex(command("1", true)), await codex(command("2", false)), await codex({ method: "item/permissions/requestApproval", params: {} })];
const gone = gateFor({ url: "http://127.0.0.1:9", token: "x", agent: "test", session: "s", patience: 0 });
said.gone = await gatedTool(gone, { name: "free", execute: act("gone") }).execute({ n: 9 }, {}, { toolCall: { callId: "g" } });
process.stdout.write(JSON.stringify({ runs, said }) + "\n");
