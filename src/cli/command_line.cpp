#include "cli/command_line.hpp"

#include <fmt/core.h>

namespace countersign::cli {

CommandLine::CommandLine() {
    app.set_version_flag("--version", "countersign " COUNTERSIGN_VERSION);
    app.require_subcommand(1);
    app.get_formatter()->column_width(34);
    add_server_verbs();
    add_policy_verbs();
    add_token_verbs();
    add_people_verbs();
    add_audit_verbs();
    add_slack_verbs();
    add_teams_verbs();
    add_client_verbs();
    add_votes();
    add_top();
    add_logins();
    add_run();
    add_agent_verbs();
    add_agents_files();
    add_first_run();
    add_pages();
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

void CommandLine::add_server_verbs() {
    auto* serve_app = verb(app, "serve", "the bot and the API", "countersign serve --config countersign.yaml",
                           [this] { return serve_verb(serve); });
    add_config(*serve_app, serve.config_file);
    serve_app->add_flag(
        "--check", serve.check,
        "read the configuration, the policy, keys and certificates, and end; exit 1 on any error");
    auto* doctor_app =
        verb(app, "doctor", "says what is wrong with this installation, and what to do about it",
             "countersign doctor --config /etc/countersign/countersign.yaml",
             [this] { return doctor_verb(doctor); });
    add_config(*doctor_app, doctor.config_file);
    doctor_app->add_flag("--json", doctor.json, "print JSON");

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

void CommandLine::add_policy_diff(CLI::App& policy) {
    auto* diff =
        verb(policy, "diff", "says what a policy makes easier and harder; exit 1 when anything got easier",
             "countersign policy diff old.yaml new.yaml", [this] { return policy_diff_verb(policy_diff); });
    diff->add_option("OLD", policy_diff.older, "a file or folder")->required();
    diff->add_option("NEW", policy_diff.newer, "a file or folder")->required();
    diff->add_option("--allow-easier", policy_diff.allowed,
                     "a difference that was reviewed, by its id; may be repeated")
        ->type_name("ID");
    diff->add_flag("--json", policy_diff.json, "print JSON");
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
    check->add_flag("--matrix", policy_check.matrix, "also print who is asked, by action and environment");
    check->add_flag("--online", policy_check.online,
                    "also ask the chats whether channels, groups and accounts exist");
    check->add_option("--config", policy_check.config_file, "the server's configuration, for --online");
    add_policy_diff(*policy);
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

void CommandLine::add_slack_verbs() {
    auto* verbs = app.add_subcommand("slack", "finds ids in Slack, which policies name");
    verbs->require_subcommand(1);
    auto one = [&](const char* name, const char* what, const char* example,
                   int (*find)(const SlackOptions& options)) {
        auto* its = verb(*verbs, name, what, example, [this, find] { return find(slack); });
        its->add_option("TEXT", slack.text,
                        "a part of a name, handle, address or id; without it all are listed");
        its->add_flag("--json", slack.json, "print JSON");
        add_config(*its, slack.config_file);
    };
    one("users", "lists users with their ids", "countersign slack users amy", slack_users_verb);
    one("groups", "lists user groups with their ids", "countersign slack groups security", slack_groups_verb);
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

void CommandLine::add_first_run() {
    auto* made = verb(app, "init", "asks five questions and writes a first configuration; overwrites nothing",
                      "countersign init --database postgresql://countersign@db.example.com/countersign",
                      [this] { return init_verb(init); });
    made->add_option("--folder", init.folder, "where the files go")->capture_default_str()->type_name("DIR");
    made->add_option("--database", init.database, "libpq URI of the database")->type_name("URI");
    made->add_option("--public-url", init.public_url, "how callers reach the API")->type_name("URL");
    made->add_option("--slack-channel", init.slack_channel, "where requests are shown; none: no Slack")
        ->type_name("NAME");
    made->add_option("--teams-app-id", init.teams_app_id, "of the bot's registration; none: no Teams")
        ->type_name("ID");
    made->add_option("--from", init.policy, "the policy to start from, as of `policy init`")
        ->type_name("NAME");
    auto* starting = verb(*app.get_subcommand("policy"), "init", "prints a policy to start from",
                          "countersign policy init --from production-deploys",
                          [this] { return policy_init_verb(policy_from); });
    starting->add_option("--from", policy_from, "its name, as in examples/policies")
        ->required()
        ->type_name("NAME");
}

void CommandLine::add_pages() {
    auto* completion =
        verb(app, "completion", "prints what a shell reads to complete verbs and options",
             "countersign completion bash > ~/.local/share/bash-completion/completions/countersign",
             [this] { return completion_verb(app, completion_shell); });
    completion->add_option("SHELL", completion_shell, "bash, zsh or fish")
        ->required()
        ->check(CLI::IsMember({"bash", "zsh", "fish"}));
    auto* manual = verb(app, "manual", "writes the manual pages", "countersign manual --out build/man",
                        [this] { return manual_verb(app, manual_folder); });
    manual->add_option("--out", manual_folder, "a folder that is there")->required()->type_name("DIR");
    manual->group("");
}

}  // namespace countersign::cli
