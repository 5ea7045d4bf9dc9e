#pragma once
#include <CLI/CLI.hpp>

#include <functional>
#include <string>

#include "cli/verbs.hpp"

namespace countersign::cli {

// Everything the command line can say; the verb that was named is `chosen`.
struct CommandLine {
    CLI::App app{"Chat approvals for privileged actions of pipelines and agents.", "countersign"};
    ServeOptions serve;
    DoctorOptions doctor;
    InitOptions init;
    std::string policy_from;
    DevOptions dev;
    MigrateOptions migrate;
    KeysOptions keys;
    TokenOptions token;
    RequestOptions request;
    LoginOptions login;
    IdOptions id;
    VoteOptions vote;
    TopOptions top;
    ListOptions list;
    EventsOptions events;
    RunOptions run;
    HookOptions hook;
    GateOptions gate;
    McpOptions mcp;
    AgentsOptions agents;
    PolicyCheckOptions policy_check;
    PolicyTestOptions policy_test;
    PolicyDiffOptions policy_diff;
    PolicyExplainOptions policy_explain;
    PolicyReplayOptions policy_replay;
    PeopleOptions people;
    AuditVerifyOptions audit_verify;
    AuditExportOptions audit_export;
    AuditExportOptions audit_report;
    AuditProofOptions audit_proof;
    EraseOptions erase;
    SlackOptions slack;
    TeamsOptions teams;
    std::string sandbox_listen = "127.0.0.1:8490";
    bool sandbox_unsafe_listen = false;
    std::string postgres_home;
    std::string completion_shell;
    std::string manual_folder;
    std::function<int()> chosen;

    CommandLine();
    CLI::App* verb(CLI::App& parent, const char* name, const char* does, const char* example,
                   std::function<int()> act);
    void add_config(CLI::App& verb, std::string& file);
    void add_ask(CLI::App& verb, AskOptions& ask);
    void add_server_verbs();
    void add_policy_verbs();
    void add_policy_diff(CLI::App& policy);
    void add_token_verbs();
    void add_people_verbs();
    void add_audit_verbs();
    void add_slack_verbs();
    void add_teams_verbs();
    void add_client_verbs();
    void add_lists();
    void add_votes();
    void add_top();
    void add_logins();
    void add_run();
    void add_agent(CLI::App& verb, AgentOptions& agent);
    void add_agent_verbs();
    void add_agents_files();
    void add_first_run();
    void add_pages();
};

}  // namespace countersign::cli
