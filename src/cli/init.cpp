#include <fcntl.h>
#include <fmt/core.h>
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <iostream>
#include <string>
#include <utility>

#include "cli/console.hpp"
#include "cli/doctor.hpp"
#include "cli/example_policies.hpp"
#include "cli/home.hpp"
#include "cli/outcome.hpp"
#include "cli/verbs.hpp"
#include "countersign/adapters/config.hpp"
#include "countersign/base/log.hpp"
#include "countersign/base/text.hpp"
#include "countersign/rt/clock.hpp"
#include "countersign/server/files.hpp"
#include "countersign/server/keys.hpp"

// A first configuration: five questions, or the flags that answer them, make files that `serve` takes.
namespace countersign::cli {
namespace {

constexpr const char* account_of_service = "countersign";
constexpr mode_t for_service = 0640;

Result<std::string> policy_called(const std::string& name) {
    std::string names;
    for (const ZipFile& file : example_policies()) {
        if (file.name == name + ".yaml") return file.bytes;
        names += (names.empty() ? "" : ", ") + file.name.substr(0, file.name.find('.'));
    }
    return fail(Trouble::invalid_input,
                fmt::format("--from {}: there is no such policy; there are {}", visible(name), names));
}

// The answer of a flag, else of a person; what is asked where nobody can answer is `otherwise`.
std::string answer(const std::string& flag, std::string_view question, const std::string& otherwise) {
    if (!flag.empty() || !on_terminal(STDIN_FILENO)) return flag.empty() ? otherwise : flag;
    draw(fmt::format("{}{}: ", question, otherwise.empty() ? "" : " [" + otherwise + "]"));
    std::string line;
    if (!std::getline(std::cin, line)) return otherwise;
    auto said = std::string{trim(line)};
    return said.empty() ? otherwise : said;
}

// Where root installs for the service's account, files are root's and that account may read them.
void give_to_service(const std::string& path) {
    if (::geteuid() != 0) return;
    const passwd* account = ::getpwnam(account_of_service);
    if (account == nullptr) return;
    if (::chown(path.c_str(), 0, account->pw_gid) == 0) ::chmod(path.c_str(), for_service);
}

std::string keys_folder() {
    return home_folder() + "/keys";
}

// In double quotes, as YAML reads them.
std::string yaml_text(std::string_view text) {
    std::string all = "\"";
    for (char c : text) {
        if (c == '"' || c == '\\') all += '\\';
        all += c;
    }
    return all + "\"";
}

std::string configuration(const InitOptions& said) {
    std::string text = fmt::format(
        "# Written by `countersign init`. Every key: docs/configuration.md; check it with `countersign serve "
        "--check`.\n"
        "listen: 127.0.0.1:8480\npublic_url: {}\ndatabase_file: database\npolicy: policy.yaml\nkeys: {}\n",
        yaml_text(said.public_url), yaml_text(keys_folder()));
    if (said.slack_channel != "none")
        text += fmt::format(
            "slack:\n  app_token_file: slack-app-token\n  bot_token_file: slack-bot-token\n  channel: {}\n",
            yaml_text(said.slack_channel));
    if (said.teams_app_id != "none")
        text += fmt::format("teams:\n  app_id: {}\n  app_password_file: teams-app-password\n",
                            yaml_text(said.teams_app_id));
    return text;
}

void print_steps(const InitOptions& said, const std::string& file) {
    print("\nWhat is left to do:");
    if (said.slack_channel != "none") {
        print(
            "  Slack: at api.slack.com/apps choose Create New App > From a manifest, and paste "
            "manifests/slack/manifest.json.");
        print(fmt::format("    Put the app-level token (connections:write) into {}/slack-app-token,",
                          visible(said.folder)));
        print(fmt::format("    the bot token of the installed app into {}/slack-bot-token,",
                          visible(said.folder)));
        print(fmt::format("    and in Slack /invite @countersign into {} and every channel the policy names.",
                          visible(said.slack_channel)));
    }
    if (said.teams_app_id != "none") {
        print(
            fmt::format("  Teams: put the client secret into {}/teams-app-password;", visible(said.folder)));
        print(
            "    `countersign teams setup` prints how the bot is registered, `countersign teams package` "
            "makes the app.");
    }
    print(fmt::format("  Policy: {}/policy.yaml names people who are not yours: put yours there.",
                      visible(said.folder)));
    print(fmt::format("  Then: countersign migrate --config {0} && countersign doctor --config {0}",
                      visible(file)));
    print(fmt::format("  And: systemctl enable --now countersign, or countersign serve --config {}",
                      visible(file)));
}

Result<Done> write_all(const InitOptions& said, const std::string& policy) {
    struct File {
        std::string name;
        std::string content;
    };
    // The configuration comes last: while it is not there, nothing has begun.
    std::vector<File> files{{"database", said.database + "\n"}, {"policy.yaml", policy}};
    if (said.slack_channel != "none") {
        files.push_back({"slack-app-token", ""});
        files.push_back({"slack-bot-token", ""});
    }
    if (said.teams_app_id != "none") files.push_back({"teams-app-password", ""});
    files.push_back({"countersign.yaml", configuration(said)});
    for (const auto& file : files) {
        auto path = said.folder + "/" + file.name;
        bool there = ::access(path.c_str(), F_OK) == 0;
        if (there && file.name != "countersign.yaml") continue;  // somebody's, and never written over
        auto written = server::create_private_file(path, file.content);
        if (!written) return pass(written);
        give_to_service(path);
    }
    return Done{};
}

}  // namespace

int policy_init_verb(const std::string& name) {
    auto policy = policy_called(name);
    if (!policy) return failed(policy.error());
    print(trim(*policy));
    return exit_ok;
}

int init_verb(InitOptions said) {
    const auto file = said.folder + "/countersign.yaml";
    if (::access(file.c_str(), F_OK) == 0)
        return failed({Trouble::invalid_input,
                       visible(file) + " is there already: edit it, or name another --folder",
                       {},
                       {}});
    said.database =
        answer(said.database, "1/5 PostgreSQL, as a URI (postgresql://USER:PASSWORD@HOST/DATABASE)", "");
    if (said.database.empty())
        return failed({Trouble::invalid_input, "--database: a libpq URI is needed, postgresql://…", {}, {}});
    said.public_url =
        answer(said.public_url, "2/5 address by which callers reach the API", "http://127.0.0.1:8480");
    said.slack_channel = answer(said.slack_channel, "3/5 Slack channel for requests, or none", "#approvals");
    said.teams_app_id = answer(said.teams_app_id, "4/5 app id of the bot for Teams, or none", "none");
    said.policy = answer(said.policy, "5/5 policy to start from", "production-deploys");
    auto policy = policy_called(said.policy);
    if (!policy) return failed(policy.error());
    if (auto folder = server::make_private_folder(said.folder); !folder) return failed(folder.error());
    if (auto written = write_all(said, *policy); !written) return failed(written.error());
    // Before the tokens are there, the file as a whole cannot be used.
    config::Settings written_there;
    written_there.keys = keys_folder();
    auto entropy = rt::system_entropy();
    auto keys = server::create_keys(written_there, home_folder(), *entropy);
    if (!keys) return failed(keys.error());
    print(fmt::format("wrote {}\n", visible(file)));
    log::start(log::Level::off, log::Format::text);
    (void)report(diagnose(file), false);  // tokens are still missing: that is no failure of ours
    print_steps(said, file);
    return exit_ok;
}

}  // namespace countersign::cli
