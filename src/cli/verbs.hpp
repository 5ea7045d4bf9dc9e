#pragma once
#include <optional>
#include <string>
#include <vector>

#include "cli/ask.hpp"
#include "cli/client.hpp"
#include "cli/command.hpp"
#include "countersign/core/verdict.hpp"

namespace CLI {
class App;
}

// One function per verb; each returns the process' exit code and prints for itself.
namespace countersign::cli {

// ---- requests (client verbs)

struct RequestOptions {
    AskOptions ask;
    bool wait = false;
};
int request_verb(const RequestOptions& options);

struct LoginOptions {
    std::string url;  // of the server; empty: as client verbs find it
    bool json = false;
};
int login_verb(const LoginOptions& options);
int logout_verb(const LoginOptions& options);

struct IdOptions {
    std::string id;
    std::string unreachable_after;
    bool json = false;
};
int wait_verb(const IdOptions& options);
int show_verb(const IdOptions& options);
int cancel_verb(const IdOptions& options);

struct VoteOptions {
    core::Verdict verdict = core::Verdict::approve;
    std::string id;
    std::string reason;
    std::string within;  // how long to wait for the confirmation; empty: some minutes
    bool yes = false;
    bool json = false;
};
// Shows the request, asks, has the server ask in the chat, and waits for what is pressed there.
int vote_verb(const VoteOptions& options);

struct TopOptions {
    std::string every = "2s";
    bool once = false;  // one page, on whatever stdout is
};
int top_verb(const TopOptions& options);

struct ListOptions {
    std::string state;
    std::string action;
    std::string resource;
    std::string environment;
    std::string approver;  // --for
    std::string voter;
    std::string requester;
    std::string since;
    std::string until;
    std::string review;
    std::size_t limit = 50;
    bool json = false;
};
int list_verb(const ListOptions& options);

struct EventsOptions {
    std::string type;
    std::string action;
    std::string resource;
    std::string environment;
    std::string requester;
    std::string voter;
    std::int64_t after = -1;  // the index of an event
    std::size_t limit = 20;   // the newest, where no index is given
    bool all = false;         // from the first one on
    bool follow = false;
    bool json = false;
};
int events_verb(const EventsOptions& options);
int history_verb(const IdOptions& options);

struct RunOptions {
    AskOptions ask;
    Command command;
};
int run_verb(const RunOptions& options);

// ---- gates for AI agents

// Who asks, and of which server, when the tools of an agent are gated.
struct AgentOptions {
    ServerOptions server;
    std::string environment;
    std::vector<std::string> on_behalf_of;  // "{login}" in it is the name of the account we run as
};
struct HookOptions {
    AgentOptions agent;
    std::string deadline;       // a duration; empty: what suits the host
    bool defers = false;        // Claude Code without a terminal: end the process rather than wait
    bool skips_prompt = false;  // what people approved is not asked again by the agent itself
    bool outcome = false;       // the tool has run: report how it ended
};
// Makes every end of this process one that blocks the tool, unless `hook_verb` comes to another answer: to be
// called first of all. A killed process cannot say no: see docs/agents.md.
void guard_hook();
int hook_verb(const HookOptions& options);
// The accounts that requests of an agent are filed for.
std::vector<std::string> people_behind(const AgentOptions& options);
// Whose desk it is: labels of requests.
std::vector<std::pair<std::string, std::string>> desk_labels();

struct McpOptions {
    AgentOptions agent;
    std::string listen;                      // "127.0.0.1:8481"; empty: standard input and output
    std::string bearer_file;                 // of the token that clients send; empty: our own
    bool no_bearer = false;                  // whoever is on this machine may ask
    std::vector<std::string> allow_origins;  // of pages that may ask, beside those of this machine
    std::string certificate;                 // of TLS, with its key; empty: none
    std::string key;
    bool unsafe_listen = false;
};
// The tools with which an agent asks by itself, on standard input and output or over HTTP.
int mcp_verb(const McpOptions& options);

struct GateOptions {
    AgentOptions agent;
    std::vector<std::string> command;  // the server that is started
    std::string url;                   // or where it is
    std::string url_token_file;        // of a token for it
    std::string name;                  // of the server, in actions; empty: told by the command
    std::string pins;                  // a file; empty: in the home folder
    std::string hold;                  // a duration; empty: what suits the client
    std::int64_t hold_s = 0;           // the same, read; 0: what suits the client
};
int gate_mcp_verb(GateOptions options);

struct AgentsOptions {
    AgentOptions agent;
    std::vector<std::string> agents;  // empty: those that are installed
    bool managed = false;
    bool yes = false;     // write over what is there
    std::string root;     // before the paths of managed files
    std::string program;  // that the agents start; empty: this one
    bool live = false;    // run each agent, to see that a denied call does not run
    bool json = false;
};
int agents_install_verb(AgentsOptions options);
int agents_doctor_verb(const AgentsOptions& options);

// ---- the server and what administers it

struct ServeOptions {
    std::string config_file;
    bool check = false;  // read everything, and end
};
int serve_verb(const ServeOptions& options);

struct DoctorOptions {
    std::string config_file;
    bool json = false;
};
int doctor_verb(const DoctorOptions& options);

struct InitOptions {  // what is empty is asked for
    std::string folder = "/etc/countersign";
    std::string database;
    std::string public_url;
    std::string slack_channel;  // "none": no Slack
    std::string teams_app_id;   // "none": no Teams
    std::string policy;         // the name of an example
};
int init_verb(InitOptions options);
int policy_init_verb(const std::string& name);

struct DevOptions {
    std::string listen = "127.0.0.1:8480";
    std::string workspace = "127.0.0.1:8490";
    std::string policy;  // empty: the sample
    bool unsafe_listen = false;
};
int dev_verb(const DevOptions& options);

struct MigrateOptions {
    std::string config_file;
    bool status = false;
    bool json = false;
};
int migrate_verb(const MigrateOptions& options);

struct KeysOptions {
    std::string config_file;
    bool json = false;
};
int keys_create_verb(const KeysOptions& options);

struct TokenOptions {
    std::string config_file;
    std::string name;
    std::vector<std::string> scopes;
    std::string owner;
    std::string policy;  // empty: the configured one; where the owner is looked up
    std::vector<std::string> allow_actions;
    std::vector<std::string> allow_environments;
    std::string expires_in;
    std::string id;
    bool json = false;
};
int token_create_verb(const TokenOptions& options);
int token_list_verb(const TokenOptions& options);
int token_revoke_verb(const TokenOptions& options);

struct PeopleOptions {
    std::string config_file;
    std::string policy;  // empty: the configured one, where there is one
    std::string one;     // an account, or a person of the policy
    std::string other;
    bool json = false;
};
int people_list_verb(const PeopleOptions& options);
int people_show_verb(const PeopleOptions& options);
int people_link_verb(const PeopleOptions& options);
int people_unlink_verb(const PeopleOptions& options);
int people_merge_verb(const PeopleOptions& options);

struct SlackOptions {
    std::string config_file;
    std::string text;  // a part of a name; empty: all
    bool json = false;
};
int slack_users_verb(const SlackOptions& options);
int slack_groups_verb(const SlackOptions& options);

struct TeamsOptions {
    std::string config_file;
    std::string output = "countersign-teams.zip";
};
int teams_package_verb(const TeamsOptions& options);
int teams_setup_verb(const TeamsOptions& options);

struct PolicyCheckOptions {
    std::vector<std::string> files;
    bool strict = false;
    bool json = false;
    bool matrix = false;  // also print what is asked for each action and environment
    bool online = false;  // also ask the chats of these settings whether what is named exists
    std::string config_file;
};
int policy_check_verb(const PolicyCheckOptions& options);

struct PolicyDiffOptions {
    std::string older;  // a file or folder
    std::string newer;
    std::vector<std::string> allowed;  // ids of differences that were reviewed
    bool json = false;
};
int policy_diff_verb(const PolicyDiffOptions& options);

struct PolicyTestOptions {
    std::vector<std::string> files;
    std::string junit;  // a file to write the results to; empty: none
    bool json = false;
};
int policy_test_verb(const PolicyTestOptions& options);

struct PolicyExplainOptions {
    std::string config_file;
    std::string policy;               // empty: the configured one, else that of `dev`
    std::string request;              // a file; "-": stdin
    std::vector<std::string> groups;  // "security=amy,ben", for groups that a chat keeps
    bool json = false;
};
int policy_explain_verb(const PolicyExplainOptions& options);

inline constexpr std::size_t policy_replay_changes_max = 10'000;  // that are listed
struct PolicyReplayOptions {
    std::string config_file;
    std::string policy;
    std::string since = "30d";  // a duration, or a moment
    std::size_t limit = 50;     // changed requests to list; the summary counts all
    bool json = false;
};
int policy_replay_verb(const PolicyReplayOptions& options);

struct AuditVerifyOptions {
    std::string config_file;
    std::string folder;                    // an export; empty: the database
    std::vector<std::string> checkpoints;  // files, kept elsewhere
    std::string keys;                      // a file of published keys; empty: what the folder brings along
    bool json = false;
};
int audit_verify_verb(const AuditVerifyOptions& options);

struct AuditExportOptions {
    std::string config_file;
    std::string since;
    std::string until;
    std::string action;
    std::string environment;
    std::string request;  // its number or id
    std::string format = "folder";
    std::string out;
    bool json = false;
};
int audit_export_verb(const AuditExportOptions& options);
int audit_report_verb(const AuditExportOptions& options);  // `out` empty: stdout

struct AuditProofOptions {
    std::string config_file;
    std::string id;
    bool decision = false;  // the signed statement instead
};
int audit_proof_verb(const AuditProofOptions& options);

struct EraseOptions {
    std::string config_file;
    std::vector<std::string> persons;  // names and accounts, as they are on record
    std::string before;
    bool yes = false;
    bool json = false;
};
int erase_verb(const EraseOptions& options);

// ---- the words of the command line itself

int completion_verb(const CLI::App& app, const std::string& shell);
// Writes the manual pages into a folder that is there: a hidden verb, for packages.
int manual_verb(const CLI::App& app, const std::string& folder);

// Parts of `dev` on their own, for tests that kill one of them: hidden verbs.
int sandbox_verb(const std::string& listen, bool unsafe_listen);
int postgres_verb(const std::string& home);

}  // namespace countersign::cli
