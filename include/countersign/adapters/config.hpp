#pragma once
#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "countersign/base/log.hpp"
#include "countersign/base/result.hpp"
#include "countersign/base/secret.hpp"
#include "countersign/core/surface.hpp"
#include "countersign/core/time.hpp"

namespace countersign::config {

// What `serve` and `migrate` read from a YAML file and the environment; see docs/configuration.md.
struct Settings {
    std::string listen = "127.0.0.1:8480";
    std::string public_url;
    std::string tls_certificate;  // path; both or neither
    std::string tls_key;
    Secret database;
    std::size_t database_pool = 16;
    Secret database_owner;  // empty: `database`
    std::string policy;     // path of a file or a folder
    struct Slack {
        Secret app_token;
        Secret bot_token;
        std::string api_url = "https://slack.com/api/";
        std::size_t connections = 2;
        bool strict_pace = false;
        std::string channel;
        std::string manager_field;
    } slack;
    struct Teams {
        std::string app_id;       // of the bot's registration, a GUID; empty: no Teams
        Secret app_password;      // either this or a certificate with its key
        std::string certificate;  // the content of the file, as is the key's
        Secret certificate_key;
        std::string managed_identity_url;  // of the machine's own identity, in place of the three above
        Secret managed_identity_header;
        std::string tenant;                          // empty: that of the conversation `channel`
        std::string openid_metadata_url;             // empty: of the public cloud
        std::string login_url;                       // empty: of the cloud that the metadata belong to
        std::vector<std::string> service_url_allow;  // empty: likewise
        bool streaming = false;                      // channels may open a WebSocket
        bool targeted_messages = false;              // in channels, to one person
        std::string channel;
    } teams;
    core::Duration loop_patience{std::chrono::seconds{5}};  // 0: for ever
    core::Duration identity_age_max{std::chrono::minutes{5}};
    std::vector<std::string> trust_email_domains;
    struct Issuer {  // whose tokens workloads may call with
        std::string issuer;
        std::string audience;
        std::string kind;      // empty: what its URL says
        std::string jwks_uri;  // empty: by discovery
        std::string jwks;      // the content of jwks_file; empty: fetched
        std::vector<std::pair<std::string, std::vector<std::string>>> claims;
        std::vector<std::string> humans;
        std::string run;
        bool single_use = true;
        core::Duration lifetime_max{std::chrono::hours{1}};
        std::string location;  // where it stands, for errors
    };
    std::vector<Issuer> issuers;
    struct Login {           // the OpenID provider at which people sign in
        std::string issuer;  // empty: there is none
        std::string client_id;
        Secret client_secret;
        std::string audience;  // empty: the client id
    } login;
    std::size_t requests_per_minute = 600;  // per token; 0: any
    std::vector<std::string> link_hosts;
    std::size_t pending_per_requester = 500;  // 0: off
    bool collapse_cards = false;              // requests that are alike share a card
    struct Quiet {                // hours in which nobody is told anything in person that is not an answer
        std::optional<int> from;  // minutes after midnight, on everybody's own clocks; both or neither
        std::optional<int> to;
        std::string zone;  // of people whose chat tells none; empty: they are told at any time
    } quiet;
    struct OnCall {
        std::string url = "https://api.pagerduty.com/";
        Secret token;  // empty: groups that are on call have nobody
    } on_call;
    std::string keys;                          // path of a folder; empty: in the home folder
    std::string signing_key;                   // path; empty: in `keys`
    std::string server_key;                    // path; empty: in `keys`
    std::vector<std::string> signing_command;  // a program and its arguments; empty: keys are files
    std::vector<std::string> signing_command_keys{"log", "decision", "grant"};  // that it holds
    bool webhooks_to_private_networks = false;
    std::vector<std::string> secret_files;  // that secrets were read from
    struct PublishedLog {
        std::string origin;  // empty: the host of public_url, and "/log"
        std::string mark;    // path; empty: log.mark in `keys`
        bool open = true;    // whether /log/ is answered without a token
        bool signs = true;   // whether this replica may sign checkpoints
        // Who else signs checkpoints: the public key of each, as C2SP signed-note writes it, and its URL.
        std::vector<std::pair<std::string, std::string>> witnesses;
        // The first checkpoint of each day goes to this folder (empty: to none) and to these channels of
        // chats.
        std::string daily_folder;
        std::vector<std::pair<core::Surface, std::string>> daily_channels;
    } published_log;
    struct StreamOut {
        std::string syslog;        // HOST:PORT; empty: none
        std::string file;          // path; empty: none
        bool cloudevents = false;  // else OCSF
        std::size_t message_bytes = 8'192;
    } stream_out;
    struct Otlp {
        std::string endpoint;  // "http://127.0.0.1:4318/v1/traces"; empty: no traces
        Secret header;         // "Authorization: Bearer …"; empty: none
    } otlp;
    log::Level log_level = log::Level::info;
    log::Format log_format = log::Format::text;
};

using Environment = std::map<std::string, std::string>;
Environment process_environment();  // the COUNTERSIGN_ variables

inline constexpr std::size_t file_bytes_max = 1024 * 1024;

// Reads `file` ("": none), then the environment, which wins. Relative paths in the file are relative to the
// file's folder, those of the environment to the working directory. invalid_input: the detail begins with
// FILE:LINE:COL or the variable's name, and names the nearest known key where there is one. Which keys must
// be there is the caller's business: see `require`.
Result<Settings> load(const std::string& file, const Environment& environment);

// One key that a verb cannot do without, in the words of the person who has to add it. `key` as in the file.
Failure missing(std::string_view key, std::string_view what);

// The variable for a key: "slack.api_url" is COUNTERSIGN_SLACK_API_URL.
std::string variable_of(std::string_view key);

// A small file whole, e.g. a key or a token. Detail of the failure names the path, never the content.
Result<std::string> read_file(const std::string& path, std::size_t bytes_max);
// Says whether others than the owner and the group may read the file, or others than the owner may write it.
bool loose(const std::string& path);

}  // namespace countersign::config
