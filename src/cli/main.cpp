#include <fmt/core.h>
#include <CLI/CLI.hpp>

#include <csignal>
#include <exception>
#include <functional>
#include <sstream>
#include <string>
#include <string_view>

#include "cli/console.hpp"
#include "cli/inherited.hpp"
#include "cli/outcome.hpp"
#include "cli/usage.hpp"
#include "cli/verbs.hpp"
#include "countersign/base/text.hpp"

namespace countersign::cli {
namespace {

// Everything the command line can say; the verb that was named is `chosen`.
struct CommandLine {
    CLI::App app{"Chat approvals for privileged actions of pipelines and agents.", "countersign"};
    std::string config_file;
    DevOptions dev;
    MigrateOptions migrate;
    KeysOptions keys;
    TokenOptions token;
    RequestOptions request;
    IdOptions id;
    ListOptions list;
    RunOptions run;
    HookOptions hook;
    GateOptions gate;
    AgentOptions mcp;
    AgentsOptions agents;
    PolicyCheckOptions policy_check;
    PolicyTestOptions policy_test;
    PolicyExplainOptions policy_explain;
    PolicyReplayOptions policy_replay;
    PeopleOptions people;
    AuditVerifyOptions audit_verify;
    AuditExportOptions audit_export;
    AuditExportOptions audit_report;
    AuditProofOptions audit_proof;
    EraseOptions erase;
    TeamsOptions teams;
    std::string sandbox_listen = "127.0.0.1:8490";
    bool sandbox_unsafe_listen = false;
    std::string postgres_home;
    std::function<int()> chosen;

    CommandLine();
    CLI::App* verb(CLI::App& parent, const char* name, const char* does, const char* example,
                   std::function<int()> act);
    void add_config(CLI::App& verb, std::string& file);
    void add_ask(CLI::App& verb, AskOptions& ask);
    void add_server_verbs();
    void add_policy_verbs();
    void add_token_verbs();
    void add_people_verbs();
    void add_audit_verbs();
    void add_teams_verbs();
    void add_client_verbs();
    void add_run();
    void add_agent(CLI::App& verb, AgentOptions& agent);
    void add_agent_verbs();
    void add_agents_files();
};

CommandLine::CommandLine() {
    app.set_version_flag("--version", "countersign " COUNTERSIGN_VERSION);
    app.require_subcommand(1);
    app.get_formatter()->column_width(34);
    add_server_verbs();
    add_policy_verbs();
    add_token_verbs();
    add_people_verbs();
    add_audit_verbs();
    add_teams_verbs();
    add_client_verbs();
    add_run();
    add_agent_verbs();
    add_agents_files();
}

CLI::App* CommandLine::verb(CLI::App& parent, const char* name, const char* does, const char* example,
                            std::function<int()> act) {
    CLI::App* made = parent.add_subcommand(name, does);
    made->footer(fmt::format("Example:\n  {}", example));
    made->callback([this, act = std::move(act)] { chosen = act; });
    return made;
}

void CommandLine::add_config(CLI::App& verb, std::string& file) {
    verb.add_option("--config", file, "configuration file; the environment wins over it")->type_name("FILE");
}

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

void CommandLine::add_server_verbs() {
    auto* serve = verb(app, "serve", "the bot and the API", "countersign serve --config countersign.yaml",
                       [this] { return serve_verb(config_file); });
    add_config(*serve, config_file);

    auto* dev_app =
        verb(app, "dev", "everything in one process: a private PostgreSQL, a local chat workspace, the bot",
             "countersign dev --policy policy.yaml", [this] { return dev_verb(dev); });
    dev_app->add_option("--listen", dev.listen, "address of the API")
        ->capture_default_str()
        ->type_name("ADDR");
    dev_app->add_option("--workspace", dev.workspace, "address of the workspace")
        ->capture_default_str()
        ->type_name("ADDR");
    dev_app->add_option("--policy", dev.policy, "a policy instead of the sample")->type_name("FILE");
    constexpr const char* unsafe = "also on addresses of the network, where anybody can then act as anybody";
    dev_app->add_flag("--unsafe-listen", dev.unsafe_listen, unsafe);

    auto* migrate_app = verb(app, "migrate", "brings the database's schema up to date",
                             "countersign migrate --status", [this] { return migrate_verb(migrate); });
    add_config(*migrate_app, migrate.config_file);
    migrate_app->add_flag("--status", migrate.status,
                          "only say what is applied; exit 1 when something is not");
    migrate_app->add_flag("--json", migrate.json, "print JSON");

    auto* keys_app = app.add_subcommand("keys", "the server's own keys");
    keys_app->require_subcommand(1);
    auto* create =
        verb(*keys_app, "create", "makes the keys that are missing, and overwrites none",
             "countersign keys create --config countersign.yaml", [this] { return keys_create_verb(keys); });
    add_config(*create, keys.config_file);
    create->add_flag("--json", keys.json, "print JSON");

    auto* sandbox =
        verb(app, "sandbox", "the local workspace alone", "countersign sandbox --listen 127.0.0.1:0",
             [this] { return sandbox_verb(sandbox_listen, sandbox_unsafe_listen); });
    sandbox->add_option("--listen", sandbox_listen, "its address")->capture_default_str();
    sandbox->add_flag("--unsafe-listen", sandbox_unsafe_listen, unsafe);
    sandbox->group("");
    auto* postgres =
        verb(app, "postgres", "the private PostgreSQL alone", "countersign postgres --home /tmp/cs",
             [this] { return postgres_verb(postgres_home); });
    postgres->add_option("--home", postgres_home, "its folder")->required();
    postgres->group("");
}

void CommandLine::add_policy_verbs() {
    auto* policy = app.add_subcommand("policy", "works on policy files");
    policy->require_subcommand(1);
    auto* check =
        verb(*policy, "check", "loads and lints policies; exit 1 on any error",
             "countersign policy check policy.yaml", [this] { return policy_check_verb(policy_check); });
    check->add_option("FILE", policy_check.files, "files or folders")->required();
    check->add_flag("--strict", policy_check.strict, "warnings are errors");
    check->add_flag("--json", policy_check.json, "print JSON");
    auto* test =
        verb(*policy, "test", "runs the tests beside policies; exit 1 when one fails",
             "countersign policy test policy.yaml", [this] { return policy_test_verb(policy_test); });
    test->add_option("FILE", policy_test.files, "files or folders")->required();
    test->add_option("--junit", policy_test.junit, "also write the results as JUnit XML")->type_name("FILE");
    test->add_flag("--json", policy_test.json, "print JSON");
    auto* explain =
        verb(*policy, "explain", "says which rules apply to a request, why, and who could approve",
             "countersign policy explain --policy policy.yaml --request request.json",
             [this] { return policy_explain_verb(policy_explain); });
    add_config(*explain, policy_explain.config_file);
    explain->add_option("--policy", policy_explain.policy, "a file or folder instead of the configured one")
        ->type_name("FILE");
    explain
        ->add_option("--request", policy_explain.request,
                     "a request as the API takes or shows it, as JSON; - is stdin")
        ->required()
        ->type_name("FILE");
    explain
        ->add_option("--group", policy_explain.groups,
                     "who is in a group that a chat keeps, e.g. security=amy,ben")
        ->type_name("G=P,P")
        ->allow_extra_args(false);
    explain->add_flag("--json", policy_explain.json, "print JSON");
    auto* replay = verb(*policy, "replay", "says what a policy would have made of the requests on record",
                        "countersign policy replay --policy candidate.yaml --since 30d",
                        [this] { return policy_replay_verb(policy_replay); });
    add_config(*replay, policy_replay.config_file);
    replay->add_option("--policy", policy_replay.policy, "the candidate, a file or folder")
        ->required()
        ->type_name("FILE");
    replay->add_option("--since", policy_replay.since, "a duration such as 30d, or a moment")
        ->capture_default_str()
        ->type_name("D");
    replay->add_option("--limit", policy_replay.limit, "how many changed requests to list")
        ->capture_default_str()
        ->check(CLI::Range(std::size_t{0}, policy_replay_changes_max));
    replay->add_flag("--json", policy_replay.json, "print JSON");
}

void CommandLine::add_token_verbs() {
    auto* tokens = app.add_subcommand("token", "API tokens");
    tokens->require_subcommand(1);
    auto* create = verb(*tokens, "create", "makes a token and prints it, once",
                        "countersign token create --name ci --scope request,read --allow-action 'deploy.*'",
                        [this] { return token_create_verb(token); });
    auto many = [&](const char* name, std::vector<std::string>& list, const char* does, const char* type) {
        create->add_option(name, list, does)->type_name(type)->allow_extra_args(false);
    };
    add_config(*create, token.config_file);
    create->add_option("--name", token.name, "what it is called, shown on cards")->required()->type_name("N");
    many("--scope", token.scopes, "request, read, vote, subscribe or admin; several with commas", "S");
    create->get_option("--scope")->required();
    create->add_option("--owner", token.owner, "whose it is: a person of the policy, or an account")
        ->type_name("P");
    create
        ->add_option("--policy", token.policy, "where the owner is looked up, instead of the configured one")
        ->type_name("FILE");
    many("--allow-action", token.allow_actions, "actions it may ask for", "GLOB");
    many("--allow-environment", token.allow_environments, "environments it may ask for", "GLOB");
    create->add_option("--expires-in", token.expires_in, "how long it is good, e.g. 90d")->type_name("D");
    create->add_flag("--json", token.json, "print JSON");

    auto* list_app = verb(*tokens, "list", "lists them", "countersign token list --json",
                          [this] { return token_list_verb(token); });
    add_config(*list_app, token.config_file);
    list_app->add_flag("--json", token.json, "print JSON");

    auto* revoke =
        verb(*tokens, "revoke", "ends one at once", "countersign token revoke tok_01JD0000000000000000000000",
             [this] { return token_revoke_verb(token); });
    add_config(*revoke, token.config_file);
    revoke->add_option("ID", token.id, "as `token list` shows it")->required();
}

void CommandLine::add_people_verbs() {
    auto* verbs = app.add_subcommand("people", "persons and their accounts");
    verbs->require_subcommand(1);
    auto one = [&](const char* name, const char* does, const char* example,
                   int (*act)(const PeopleOptions&)) {
        auto* made = verb(*verbs, name, does, example, [this, act] { return act(people); });
        add_config(*made, people.config_file);
        made->add_option("--policy", people.policy, "the policy whose people are meant")->type_name("FILE");
        made->add_flag("--json", people.json, "print JSON");
        return made;
    };
    auto account = [](CLI::App& to, const char* name, std::string& into) {
        to.add_option(name, into, "an account such as slack:T0SIM/U0REQ, or a person of the policy")
            ->required();
    };
    one("list", "lists persons with their accounts", "countersign people list --json", people_list_verb);
    auto* show = one("show", "shows a person's accounts and how each came to be theirs",
                     "countersign people show slack:T0SIM/U0REQ", people_show_verb);
    account(*show, "PERSON", people.one);
    auto* link = one("link", "says that two accounts are one person's; that only takes rights away",
                     "countersign people link email:riley@example.com slack:T0SIM/U0REQ", people_link_verb);
    account(*link, "ACCOUNT", people.one);
    account(*link, "ACCOUNT2", people.other);
    auto* unlink = one("unlink", "says that an account is not that person's after all",
                       "countersign people unlink slack:T0SIM/U0REQ", people_unlink_verb);
    account(*unlink, "ACCOUNT", people.one);
    auto* merge = one("merge", "makes one person of two; open requests are judged again",
                      "countersign people merge riley slack:T0SIM/U0REQ", people_merge_verb);
    account(*merge, "PERSON", people.one);
    account(*merge, "PERSON2", people.other);
}

void CommandLine::add_audit_verbs() {
    auto* audit = app.add_subcommand("audit", "proves what was decided, and hands it to auditors");
    audit->require_subcommand(1);
    auto* verify = verb(*audit, "verify", "proves the database, or an exported folder; exit 1 on any finding",
                        "countersign audit verify ./export --keys keys.json",
                        [this] { return audit_verify_verb(audit_verify); });
    add_config(*verify, audit_verify.config_file);
    verify->add_option("FOLDER", audit_verify.folder, "an export; without it the database is read");
    verify->add_option("--checkpoint", audit_verify.checkpoints, "a checkpoint that was kept elsewhere")
        ->type_name("FILE")
        ->allow_extra_args(false);
    verify->add_option("--keys", audit_verify.keys, "the public keys to trust, instead of the folder's own")
        ->type_name("FILE");
    verify->add_flag("--json", audit_verify.json, "print JSON");
    auto selection = [this](CLI::App& of, AuditExportOptions& into) {
        add_config(of, into.config_file);
        of.add_option("--since", into.since, "an age such as 90d, or a moment")->type_name("D");
        of.add_option("--until", into.until, "an age, or a moment")->type_name("D");
        of.add_option("--action", into.action, "requests of one action")->type_name("A");
        of.add_option("--environment", into.environment, "requests for one environment")->type_name("E");
    };
    auto* exported = verb(*audit, "export", "writes what an auditor asks for",
                          "countersign audit export --since 2026-01-01T00:00:00Z --out q1",
                          [this] { return audit_export_verb(audit_export); });
    selection(*exported, audit_export);
    exported->add_option("--request", audit_export.request, "one request, by its number or id")
        ->type_name("ID");
    exported->add_option("--format", audit_export.format, "folder, html, csv or ocsf")
        ->check(CLI::IsMember({"folder", "html", "csv", "ocsf"}))
        ->capture_default_str();
    exported->add_option("--out", audit_export.out, "a folder that does not exist yet; for html a file")
        ->required();
    exported->add_flag("--json", audit_export.json, "print JSON");
    auto* report = verb(*audit, "report", "answers an auditor's questions on a page, as HTML",
                        "countersign audit report --since 90d --environment production --out report.html",
                        [this] { return audit_report_verb(audit_report); });
    selection(*report, audit_report);
    report->add_option("--out", audit_report.out, "a file; without it the page is printed")
        ->type_name("FILE");
    auto* proof = verb(*audit, "proof", "prints the proof that a decision is in the log",
                       "countersign audit proof 1042", [this] { return audit_proof_verb(audit_proof); });
    add_config(*proof, audit_proof.config_file);
    proof->add_option("ID", audit_proof.id, "its number, such as 9 or '#9', or its id, req_…")->required();
    auto* erase_app = verb(app, "erase", "erases what people wrote and who they are; every proof stays valid",
                           "countersign erase --person slack:T0SIM/U0REQ --person riley --before 365d --yes",
                           [this] { return erase_verb(erase); });
    add_config(*erase_app, erase.config_file);
    erase_app
        ->add_option("--person", erase.persons, "a name or an account, as it is on record; one an option")
        ->required()
        ->type_name("P")
        ->allow_extra_args(false);
    erase_app->add_option("--before", erase.before, "requests that ended before: an age, or a moment")
        ->required()
        ->type_name("D");
    erase_app->add_flag("--yes", erase.yes, "do it: what is erased is gone for good");
    erase_app->add_flag("--json", erase.json, "print JSON");
    proof->add_flag("--decision", audit_proof.decision, "print the signed statement of the decision instead");
}

void CommandLine::add_teams_verbs() {
    auto* verbs = app.add_subcommand("teams", "sets up Microsoft Teams");
    verbs->require_subcommand(1);
    auto* package = verb(*verbs, "package", "makes the app that is uploaded in Teams",
                         "countersign teams package --output countersign-teams.zip",
                         [this] { return teams_package_verb(teams); });
    add_config(*package, teams.config_file);
    package->add_option("--output", teams.output, "the archive to write")
        ->capture_default_str()
        ->type_name("FILE");
    auto* setup = verb(*verbs, "setup", "prints the commands that register the bot",
                       "countersign teams setup", [this] { return teams_setup_verb(teams); });
    add_config(*setup, teams.config_file);
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

    auto* list_app = verb(app, "list", "lists requests, newest first",
                          "countersign list --state pending --for me", [this] { return list_verb(list); });
    list_app->add_option("--state", list.state, "pending, approved, denied, …")->type_name("S");
    list_app->add_option("--for", list.approver, "those a person could approve; me: the token's owner")
        ->type_name("P");
    list_app->add_option("--action", list.action, "of one action")->type_name("A");
    list_app->add_option("--requester", list.requester, "asked for by this name")->type_name("N");
    list_app->add_option("--since", list.since, "created at or after, RFC 3339")->type_name("TIME");
    list_app->add_option("--limit", list.limit, "at most this many")->capture_default_str();
    list_app->add_flag("--json", list.json, "print a JSON array");
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

    auto* mcp_app = verb(
        app, "mcp", "tools with which an agent asks for approval, as a server of the Model Context Protocol",
        "countersign mcp --on-behalf-of email:{login}@example.com", [this] { return mcp_verb(mcp); });
    add_agent(*mcp_app, mcp);

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
    auto* doctor =
        verb(*verbs, "doctor", "says where a call of a tool would not be asked about, and what closes it",
             "countersign agents doctor", [this] { return agents_doctor_verb(agents); });
    for (auto* each : {install, doctor}) {
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
    doctor->add_flag("--json", agents.json, "print JSON");
}

int help(CommandLine& line, const CLI::ParseError& asked) {
    std::ostringstream text;
    int code = line.app.exit(asked, text, text);
    print(trim(text.str()));
    return code;
}

int act(int argc, char** argv) {
    CommandLine line;
    auto words = without_help_verb({argv + 1, argv + argc});
    // A verb that does not exist is said before all else: `nonsense --help` asks for no help that there is.
    auto unknown = what_is_unknown(line.app, {words.begin(), words.begin() + (words.empty() ? 0 : 1)});
    try {
        if (unknown.empty()) line.app.parse(std::vector<std::string>{words.rbegin(), words.rend()});
    } catch (const CLI::CallForHelp& e) {
        return help(line, e);
    } catch (const CLI::CallForAllHelp& e) {
        return help(line, e);
    } catch (const CLI::CallForVersion& e) {
        return help(line, e);
    } catch (const CLI::ParseError& e) {
        unknown = what_is_unknown(line.app, words);
        if (unknown.empty()) unknown = fmt::format("{}; see `countersign --help`", e.what());
    }
    if (!unknown.empty()) {
        complain(unknown);
        return exit_usage;
    }
    return line.chosen();
}

}  // namespace
}  // namespace countersign::cli

int main(int argc, char** argv) {
    using namespace countersign::cli;
    if (argc > 1 && std::string_view{argv[1]} == "hook") guard_hook();
    (void)inherited();
    occupy_standard_descriptors();
    std::signal(SIGPIPE, SIG_IGN);
    try {
        return after_output(act(argc, argv));
    } catch (const std::exception& e) {
        complain(fmt::format("internal error: {}", e.what()));
        return argc > 1 && std::string_view{argv[1]} == "hook" ? exit_usage : exit_failed;
    }
}
