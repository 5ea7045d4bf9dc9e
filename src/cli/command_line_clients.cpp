// The verbs that ask a server: of people and pipelines, and of agents.
#include "cli/command_line.hpp"

#include <fmt/core.h>

namespace countersign::cli {

void CommandLine::add_ask(CLI::App& verb, AskOptions& ask) {
    // One value per option: what follows belongs to the command line again.
    auto many = [&](const char* name, std::vector<std::string>& list, const char* does, const char* type) {
        verb.add_option(name, list, does)->type_name(type)->allow_extra_args(false);
    };
    verb.add_option("--action", ask.action, "what is to be done, e.g. db.export")->required()->type_name("A");
    verb.add_option("--resource", ask.resource, "what it is done to")->type_name("R");
    verb.add_option("--environment", ask.environment, "where, e.g. production")->type_name("E");
    verb.add_option("--intent", ask.intent, "why, in words for the reviewers")->type_name("TEXT");
    many("--param", ask.params, "a parameter; JSON where it reads as JSON, else text", "K=V");
    verb.add_option("--params-file", ask.params_file, "parameters as a JSON object; - is stdin")
        ->type_name("FILE");
    many("--on-behalf-of", ask.on_behalf_of, "a person this is for: a name of the policy, or an account",
         "P");
    many("--label", ask.labels, "a label", "K=V");
    many("--link", ask.links, "a link for the reviewers", "TITLE=URL");
    many("--sensitive", ask.sensitive, "JSON Pointer of a value nobody is to see", "POINTER");
    verb.add_option("--expires-in", ask.expires_in, "shorten the time to decide, e.g. 10m")->type_name("D");
    verb.add_option("--unreachable-after", ask.unreachable_after,
                    "give up when the server has been unreachable this long without a break (10m)")
        ->type_name("D");
}

void CommandLine::add_client_verbs() {
    auto* request_app = verb(app, "request", "files a request",
                             "countersign request --action deploy.api --environment production --wait",
                             [this] { return request_verb(request); });
    add_ask(*request_app, request.ask);
    request_app->add_flag("--wait", request.wait, "wait for the decision; the exit code tells it");
    request_app->add_flag("--json", request.ask.json, "print the request as JSON");

    auto one = [this](const char* name, const char* does, const char* example, int (*act)(const IdOptions&)) {
        auto* made = verb(app, name, does, example, [this, act] { return act(id); });
        made->add_option("ID", id.id, "its number, such as 9 or '#9', or its id, req_…")->required();
        made->add_flag("--json", id.json, "print the request as JSON");
        return made;
    };
    auto* wait = one("wait", "waits for a decision", "countersign wait 1042", wait_verb);
    wait->add_option("--unreachable-after", id.unreachable_after,
                     "give up when the server has been unreachable this long without a break (10m)")
        ->type_name("D");
    one("show", "shows a request", "countersign show 1042 --json", show_verb);
    one("cancel", "takes a request back", "countersign cancel 1042", cancel_verb);

    one("history", "tells all that happened to a request", "countersign history 1042", history_verb);

    add_lists();
}

void CommandLine::add_lists() {
    auto* events_app =
        verb(app, "events", "tells what happens, from the log of everything",
             "countersign events --follow --type request.approved", [this] { return events_verb(events); });
    events_app->add_flag("--follow", events.follow, "go on with what happens, until interrupted");
    events_app->add_option("--type", events.type, "of one type, such as request.approved")->type_name("T");
    events_app->add_option("--action", events.action, "about requests of one action")->type_name("A");
    events_app->add_option("--resource", events.resource, "about requests of one resource")->type_name("R");
    events_app->add_option("--environment", events.environment, "about requests of one environment")
        ->type_name("E");
    events_app->add_option("--requester", events.requester, "about what this name asked for")->type_name("N");
    events_app
        ->add_option("--voter", events.voter,
                     "about requests on which they had voted by then; `me`: the token's owner")
        ->type_name("PERSON");
    events_app->add_option("--after", events.after, "those after this index of the log")->type_name("INDEX");
    events_app->add_flag("--all", events.all, "from the first one on");
    events_app->add_option("--limit", events.limit, "begin with so many of the newest")
        ->capture_default_str();
    events_app->add_flag("--json", events.json, "print each as a CloudEvent, one a line");

    auto* list_app = verb(app, "list", "lists requests, newest first",
                          "countersign list --state pending --for me", [this] { return list_verb(list); });
    list_app->add_option("--state", list.state, "pending, approved, denied, …")->type_name("S");
    list_app->add_option("--for", list.approver, "those a person could approve; me: the token's owner")
        ->type_name("P");
    list_app->add_option("--voter", list.voter, "those on which they voted; me: the token's owner")
        ->type_name("P");
    list_app->add_option("--action", list.action, "of one action")->type_name("A");
    list_app->add_option("--resource", list.resource, "of one resource")->type_name("R");
    list_app->add_option("--environment", list.environment, "of one environment")->type_name("E");
    list_app->add_option("--requester", list.requester, "asked for by this name")->type_name("N");
    list_app->add_option("--since", list.since, "created at or after: a moment, or an age such as 7d")
        ->type_name("TIME");
    list_app->add_option("--until", list.until, "created before: a moment, or an age such as 7d")
        ->type_name("TIME");
    list_app
        ->add_option("--review", list.review,
                     "those that somebody behind them approved, and nobody reviewed yet; overdue: in time")
        ->type_name("WHICH")
        ->check(CLI::IsMember({"open", "overdue"}));
    list_app->add_option("--limit", list.limit, "at most this many")->capture_default_str();
    list_app->add_flag("--json", list.json, "print a JSON array");
}

void CommandLine::add_votes() {
    struct Words {
        core::Verdict verdict;
        const char* name;
        const char* does;
        const char* example;
    };
    static constexpr Words all[] = {
        {core::Verdict::approve, "approve", "approves a request, once you confirm it in your chat",
         "countersign approve 1042"},
        {core::Verdict::deny, "deny", "denies a request, once you confirm it in your chat",
         "countersign deny 1042 --reason 'wrong table'"},
        {core::Verdict::hold, "hold", "keeps a request from being decided, once you confirm it in your chat",
         "countersign hold 1042 --reason 'backup is running'"},
        {core::Verdict::release, "release", "ends your hold, once you confirm it in your chat",
         "countersign release 1042"},
        {core::Verdict::withdraw, "withdraw", "takes your vote back, once you confirm it in your chat",
         "countersign withdraw 1042"},
        {core::Verdict::review, "review",
         "reviews what was approved by somebody behind it, once you confirm it in your chat",
         "countersign review 1042 --reason 'called for, the pager log agrees'"}};
    for (const Words& words : all) {
        auto* made = verb(app, words.name, words.does, words.example, [this, verdict = words.verdict] {
            vote.verdict = verdict;
            return vote_verb(vote);
        });
        made->add_option("ID", vote.id, "its number, such as 9 or '#9', or its id, req_…")->required();
        made->add_option("--reason", vote.reason, "why, in words for everybody")->type_name("TEXT");
        made->add_option("--within", vote.within, "how long to wait for your confirmation (5m)")
            ->type_name("D");
        made->add_flag("--yes", vote.yes, "do not ask here, only in the chat");
        made->add_flag("--json", vote.json, "print the request as JSON");
    }
}

void CommandLine::add_top() {
    auto* made = verb(app, "top", "shows what is pending and how the server is, redrawn until q is pressed",
                      "countersign top --every 5s", [this] { return top_verb(top); });
    made->add_option("--every", top.every, "how often")->capture_default_str()->type_name("D");
    made->add_flag("--once", top.once, "print one page and end");
}

void CommandLine::add_logins() {
    auto* in = verb(app, "login",
                    "signs you in at a server's OpenID provider; client verbs then ask and read as you",
                    "countersign login https://approvals.example.com", [this] { return login_verb(login); });
    auto* out =
        verb(app, "logout", "ends the login at a server, there and here",
             "countersign logout https://approvals.example.com", [this] { return logout_verb(login); });
    for (auto* each : {in, out})
        each->add_option("URL", login.url,
                         "the server; COUNTERSIGN_URL, or the one of the last login by default");
    in->add_flag("--json", login.json, "print who signed in as JSON");
}

void CommandLine::add_run() {
    auto* run_app = verb(app, "run", "runs a command once it is approved, and never otherwise",
                         "countersign run --action db.export --environment production -- ./export.sh --all",
                         [this] { return run_verb(run); });
    add_ask(*run_app, run.ask);
    run_app->add_option("--attach", run.command.attach, "a file whose content is approved too")
        ->type_name("FILE")
        ->allow_extra_args(false);
    run_app->add_flag("!--no-attach-arguments", run.command.attach_arguments,
                      "do not attach the files that arguments name");
    run_app->add_option("--env", run.command.env, "a variable whose value is approved too")
        ->type_name("NAME")
        ->allow_extra_args(false);
    run_app->add_option("CMD", run.command.argv, "the command and its arguments, after --")->required();
    run_app->positionals_at_end();
}

void CommandLine::add_agent(CLI::App& verb, AgentOptions& agent) {
    verb.add_option("--approvals-url", agent.server.url, "the server, instead of COUNTERSIGN_URL")
        ->type_name("URL");
    verb.add_option("--token-file", agent.server.token_file,
                    "a file with the token, instead of COUNTERSIGN_TOKEN")
        ->type_name("FILE");
    verb.add_option("--grant-key", agent.server.grant_keys, "the id of a key whose grants are trusted")
        ->type_name("ID")
        ->allow_extra_args(false);
    verb.add_option("--environment", agent.environment, "where the agent works, e.g. desk")->type_name("E");
    verb.add_option("--on-behalf-of", agent.on_behalf_of,
                    "whose agent it is; {login} is the account it runs as, e.g. email:{login}@example.com")
        ->type_name("P")
        ->allow_extra_args(false);
}

void CommandLine::add_agent_verbs() {
    auto* hook_app =
        verb(app, "hook", "asks before a coding agent runs a tool; the agent starts it as a hook",
             "countersign hook --approvals-url https://approvals.example.com --token-file "
             "/etc/countersign/agent.token",
             [this] { return hook_verb(hook); });
    add_agent(*hook_app, hook.agent);
    hook_app
        ->add_option("--deadline", hook.deadline,
                     "answer within this time, which must be less than the agent's own timeout")
        ->type_name("D");
    hook_app->add_flag("--defer", hook.defers,
                       "Claude Code with -p: end it while people decide; `claude -p --resume` goes on");
    hook_app->add_flag("--skip-prompt", hook.skips_prompt,
                       "what people approved is not asked again by the agent itself");
    hook_app->add_flag("--outcome", hook.outcome,
                       "after a tool: report how a call ended that was asked about before");

    auto* mcp_app = verb(
        app, "mcp", "tools with which an agent asks for approval, as a server of the Model Context Protocol",
        "countersign mcp --on-behalf-of email:{login}@example.com", [this] { return mcp_verb(mcp); });
    add_agent(*mcp_app, mcp.agent);
    mcp_app
        ->add_option("--listen", mcp.listen,
                     "serve over HTTP at this address, such as 127.0.0.1:8481, instead of on stdio")
        ->type_name("HOST:PORT");
    mcp_app
        ->add_option("--bearer-file", mcp.bearer_file,
                     "a file with the token that clients send; without it, the one that is used here")
        ->type_name("FILE");
    mcp_app->add_flag("--no-bearer", mcp.no_bearer, "whoever is on this machine may ask");
    mcp_app->add_option("--allow-origin", mcp.allow_origins, "an origin of pages that may ask")
        ->type_name("ORIGIN")
        ->allow_extra_args(false);
    mcp_app->add_option("--certificate", mcp.certificate, "a PEM file, for https")->type_name("FILE");
    mcp_app->add_option("--key", mcp.key, "the certificate's key")->type_name("FILE");
    mcp_app->add_flag("--unsafe-listen", mcp.unsafe_listen, "listen for other machines without TLS");

    auto* gates = app.add_subcommand("gate", "stands before tools of an agent and asks before each call");
    gates->require_subcommand(1);
    auto* gate_app =
        verb(*gates, "mcp", "starts a server of the Model Context Protocol behind a gate",
             "countersign gate mcp --name files -- npx -y @modelcontextprotocol/server-filesystem /srv",
             [this] { return gate_mcp_verb(gate); });
    add_agent(*gate_app, gate.agent);
    gate_app->add_option("--name", gate.name, "what the server is called in actions: mcp.NAME.TOOL")
        ->type_name("NAME");
    gate_app->add_option("--url", gate.url, "a server over HTTP, instead of one that is started")
        ->type_name("URL");
    gate_app
        ->add_option("--url-token-file", gate.url_token_file, "a file with a token for the server at --url")
        ->type_name("FILE");
    gate_app->add_option("--pins", gate.pins, "a file with the definitions of tools that were accepted")
        ->type_name("FILE");
    gate_app->add_option("--hold", gate.hold, "how long a call waits for people before it is answered")
        ->type_name("D");
    gate_app->add_option("SERVER", gate.command, "the server and its arguments, after --");
    gate_app->positionals_at_end();
}

void CommandLine::add_agents_files() {
    auto* verbs = app.add_subcommand("agents", "hooks in the settings of coding agents");
    verbs->require_subcommand(1);
    auto* install =
        verb(*verbs, "install", "writes the hook into the settings of agents; shows what would change",
             "countersign agents install --managed --approvals-url https://approvals.example.com "
             "--token-file /etc/countersign/agent.token",
             [this] { return agents_install_verb(agents); });
    auto* state =
        verb(*verbs, "doctor", "says where a call of a tool would not be asked about, and what closes it",
             "countersign agents doctor", [this] { return agents_doctor_verb(agents); });
    for (auto* each : {install, state}) {
        add_agent(*each, agents.agent);
        each->add_option("AGENT", agents.agents,
                         "claude-code, codex, gemini-cli, …; those in the PATH by default");
        each->add_option("--root", agents.root, "a folder in which managed files stand as in /")
            ->type_name("DIR");
    }
    install->add_flag("--managed", agents.managed, "into the files that users cannot change, as root");
    install->add_flag("--yes", agents.yes, "write over what is there, as shown");
    install->add_option("--program", agents.program, "the program that agents start, instead of this one")
        ->type_name("FILE");
    state->add_flag("--live", agents.live,
                    "run each agent against a model of our own, to see that a denied call does not run");
    state->add_flag("--json", agents.json, "print JSON");
}

}  // namespace countersign::cli
