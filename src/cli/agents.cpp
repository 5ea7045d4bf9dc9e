#include <fmt/core.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <system_error>

#include "cli/agents_trial.hpp"
#include "cli/client.hpp"
#include "cli/console.hpp"
#include "cli/executable.hpp"
#include "cli/outcome.hpp"
#include "cli/verbs.hpp"
#include "countersign/adapters/config.hpp"
#include "countersign/agents/install.hpp"
#include "countersign/agents/trial.hpp"
#include "countersign/base/text.hpp"

namespace countersign::cli {
namespace {

namespace fs = std::filesystem;
using agents::Host;

constexpr std::size_t agent_file_bytes_max = 4 * 1024 * 1024;
constexpr std::int64_t host_timeout_s = 600;
constexpr std::int64_t own_deadline_s = 585;
constexpr core::Duration doctor_patience = std::chrono::seconds{5};

std::string home_of_user() {
    const char* home = std::getenv("HOME");
    return home != nullptr ? home : "/";
}

std::string path_of(Host host, const AgentsOptions& options) {
    if (options.managed) {
        auto path = agents::managed_file(host);
        return path.empty() ? path : options.root + path;
    }
    auto path = agents::user_file(host);
    return path.empty() ? path : home_of_user() + "/" + path;
}

Result<std::vector<Host>> chosen(const AgentsOptions& options) {
    if (options.agents.empty()) return agents::all_hosts();
    std::vector<Host> hosts;
    for (const std::string& name : options.agents) {
        auto host = agents::host_named(name);
        if (!host) return pass(host);
        hosts.push_back(*host);
    }
    return hosts;
}

bool in_path(const std::string& program) {
    std::error_code ignored;
    return find_executable(program, fs::current_path(ignored).string()).has_value();
}

Result<std::string> content_of(const std::string& path) {
    auto text = config::read_file(path, agent_file_bytes_max);
    if (!text && text.error().trouble == Trouble::not_found) return std::string{};
    return text;
}

// The hook's own words: everything that a variable could say otherwise is on the command line, and no secret.
agents::HookCommand command_for(Host host, const AgentsOptions& options) {
    std::vector<std::string> words{options.program,          "hook",         "--approvals-url",
                                   options.agent.server.url, "--token-file", options.agent.server.token_file};
    auto outcome = agents::outcome_command_line(words);
    for (const auto& key : options.agent.server.grant_keys) words.insert(words.end(), {"--grant-key", key});
    if (!options.agent.environment.empty())
        words.insert(words.end(), {"--environment", options.agent.environment});
    for (const auto& person : options.agent.on_behalf_of)
        words.insert(words.end(), {"--on-behalf-of", person});
    // Windsurf documents no timeout of its own: the hook keeps to the shortest that anybody has reported.
    if (host != Host::windsurf) words.insert(words.end(), {"--deadline", fmt::format("{}s", own_deadline_s)});
    return {.command = agents::hook_command_line(words),
            .timeout_s = host_timeout_s,
            .outcome_command = std::move(outcome)};
}

// What stands in a file of somebody else is shown as what it is, line by line.
std::string shown_lines(const std::string& text) {
    std::vector<std::string> lines;
    for (const auto& line : split(trim(text), '\n')) lines.push_back(printable(line));
    return join(lines, "\n");
}

Result<Done> write_settings(const std::string& path, const std::string& text) {
    std::error_code ec;
    fs::create_directories(fs::path{path}.parent_path(), ec);
    auto beside = fmt::format("{}.{}", path, ::getpid());
    {
        std::ofstream file{beside, std::ios::trunc};
        file << text;
        file.flush();
        if (!file) ec = std::make_error_code(std::errc::io_error);
    }
    if (!ec) fs::permissions(beside, fs::perms{0644}, ec);
    if (!ec) fs::rename(beside, path, ec);
    if (!ec) return Done{};
    std::error_code ignored;
    fs::remove(beside, ignored);
    return fail(Trouble::forbidden, fmt::format("{} cannot be written: {}; managed files are root's",
                                                visible(path), ec.message()));
}

enum class Installed : std::uint8_t { nothing_to_do, written, shown, failed };

Installed install_one(Host host, const AgentsOptions& options) {
    auto path = path_of(host, options);
    auto name = agents::name_of(host);
    if (path.empty()) {
        note(
            fmt::format("{}: has no {} file; see docs/agents.md", name, options.managed ? "managed" : "own"));
        return Installed::nothing_to_do;
    }
    auto before = content_of(path);
    auto after = before ? agents::with_hook(host, *before, command_for(host, options), options.managed)
                        : Result<std::string>{pass(before)};
    if (!after) {
        complain(fmt::format("{}: {}", path, after.error().detail));
        return Installed::failed;
    }
    if (*before == *after) {
        print(fmt::format("{}: {} is as it should be", name, path));
        return Installed::nothing_to_do;
    }
    if (!before->empty())
        print(fmt::format("{}:\n{}", path, shown_lines(agents::difference_of(*before, *after))));
    if (!before->empty() && !options.yes) {
        print(fmt::format("{}: {} is left as it is; --yes writes what is shown", name, path));
        return Installed::shown;
    }
    auto written = write_settings(path, *after);
    if (!written) {
        complain(written.error().detail);
        return Installed::failed;
    }
    print(fmt::format("{}: wrote {}", name, path));
    return Installed::written;
}

// ---- doctor

struct Finding {
    std::string agent;
    bool bad = false;
    std::string what;
    std::string fix;
};

// Who could change a file that says what is asked: anybody but root who may write it or a folder above it.
std::string writable_by_others(const std::string& path, const std::string& root) {
    for (fs::path at = path; at.string().size() > root.size() && at.has_relative_path();
         at = at.parent_path()) {
        struct stat about{};
        if (::lstat(at.c_str(), &about) != 0) continue;
        if (S_ISLNK(about.st_mode)) return fmt::format("{} is a link", visible(at.string()));
        bool sticky = S_ISDIR(about.st_mode) && (about.st_mode & S_ISVTX) != 0;
        if ((about.st_mode & (S_IWGRP | S_IWOTH)) != 0 && !sticky)
            return fmt::format("{} can be written by others than its owner", visible(at.string()));
        if (about.st_uid != 0) return fmt::format("{} does not belong to root", visible(at.string()));
    }
    return {};
}

// The file that is named behind an option of the command in the settings.
std::string behind(std::string_view content, std::string_view option) {
    auto at = content.find(option);
    if (at == std::string_view::npos) return {};
    auto rest = content.substr(at + option.size());
    return std::string{rest.substr(0, rest.find_first_of(" \"'"))};
}

// The program that the hook's command starts.
std::string program_in(std::string_view content) {
    auto end = content.find(" hook --approvals-url ");
    if (end == std::string_view::npos) return {};
    auto before = content.substr(0, end);
    return std::string{before.substr(before.find_last_of("\"' ") + 1)};
}

void examine(Host host, const AgentsOptions& options, std::vector<Finding>& findings) {
    std::string agent{agents::name_of(host)};
    auto add = [&](bool bad, std::string what, std::string fix) {
        findings.push_back({agent, bad, std::move(what), std::move(fix)});
    };
    const std::string install = fmt::format("countersign agents install --managed {}", agent);
    AgentsOptions managed = options;
    managed.managed = true;
    auto path = path_of(host, managed);
    auto content = path.empty() ? Result<std::string>{std::string{}} : content_of(path);
    const bool is_managed = content && !content->empty();
    if (!content) add(true, content.error().detail, "look at the file");
    if (is_managed) {
        for (auto& weak : agents::weak_points(host, *content, true)) add(true, path + ": " + weak, install);
        if (auto who = writable_by_others(path, options.root); !who.empty())
            add(true, who, "chown root: and chmod go-w, so that no agent changes what is asked");
        auto file = behind(*content, "--token-file ");
        if (!file.empty() && ::access(file.c_str(), R_OK) != 0)
            add(true, fmt::format("{} cannot be read by this account", visible(file)),
                "a token that can only ask, readable for those whose agents are gated");
        if (auto who = writable_by_others(program_in(*content), ""); !who.empty())
            add(true, who, "the program that decides is root's, and so are the folders above it");
    }
    managed.managed = false;
    auto own_path = path_of(host, managed);
    auto own = own_path.empty() ? Result<std::string>{std::string{}} : content_of(own_path);
    if (!is_managed) {
        bool has_own = own && !own->empty() && agents::weak_points(host, *own, false).empty();
        add(true,
            has_own ? own_path + ": the hook is in the user's own settings, which an agent can change"
                    : "no hook: its tools are not asked about",
            path.empty() ? "docs/agents.md: what this agent cannot be held to" : install);
        if (host == Host::codex && has_own)
            add(true, "a hook that was not reviewed is passed over silently",
                "review it with /hooks, or " + install);
    }
    std::vector<std::string> theirs{own_path};
    if (host == Host::claude_code)
        theirs = {own_path, ".claude/settings.json", ".claude/settings.local.json"};
    if (host == Host::gemini_cli) theirs = {own_path, ".gemini/settings.json"};
    for (const std::string& each : theirs) {
        auto text = each.empty() ? Result<std::string>{std::string{}} : content_of(each);
        if (!text) continue;
        for (auto& way : agents::ways_round(host, *text))
            add(!is_managed, each + ": " + way, is_managed ? "a managed file overrules it" : install);
    }
    if (is_managed &&
        std::ranges::none_of(findings, [&](const Finding& each) { return each.bad && each.agent == agent; }))
        add(false, path + " is as it should be", "");
}

bool can_be_tried(Host host) {
    auto trial = agents::trial_of(host, {});
    return trial && trial->has_value();
}

// The server and the token that the installed hook uses, as far as its settings say.
ServerOptions server_of(std::string_view content, const AgentsOptions& options) {
    ServerOptions server = options.agent.server;
    server.quiet = true;
    if (auto url = behind(content, "--approvals-url "); !url.empty()) server.url = std::move(url);
    if (auto file = behind(content, "--token-file "); !file.empty()) server.token_file = std::move(file);
    return server;
}

void try_out(Host host, const AgentsOptions& options, std::vector<Finding>& findings) {
    auto add = [&](Verdict verdict) {
        findings.push_back({std::string{agents::name_of(host)}, !verdict.good, std::move(verdict.what),
                            std::move(verdict.fix)});
    };
    std::error_code ec;
    auto program = find_executable(agents::program_of(host), fs::current_path(ec).string());
    if (!program)
        return add({.good = false, .what = "not tried: it is not installed", .fix = "put it into the PATH"});
    AgentsOptions where = options;
    where.managed = true;
    auto managed = content_of(path_of(host, where));
    where.managed = false;
    auto own_path = path_of(host, where);
    auto own = own_path.empty() ? Result<std::string>{std::string{}} : content_of(own_path);
    const bool is_managed = managed && !managed->empty();
    auto own_settings = own ? agents::own_hooks(host, *own) : std::string{};
    auto settings = client_settings(server_of(is_managed ? *managed : own_settings, options));
    if (!settings)
        return add({.good = false, .what = "not tried: " + settings.error().detail, .fix = "see above"});
    Client client{std::move(*settings)};
    add(try_agent(client, {.host = host, .program = program->path, .own_settings = std::move(own_settings)}));
}

Finding server_finding(const AgentsOptions& options) {
    Finding finding{.agent = "server", .bad = false, .what = "answers, and takes the token", .fix = {}};
    auto failed = [&](const Failure& failure) {
        finding.bad = true;
        finding.what = failure.detail;
        finding.fix = "until then nothing that is asked about runs";
        return finding;
    };
    auto settings = client_settings(options.agent.server);
    if (!settings) return failed(settings.error());
    Client client{std::move(*settings)};
    Call call{.path = "/v1/requests?limit=1",
              .fields = {},
              .body = {},
              .patience = doctor_patience,
              .shape = is_request_list};
    auto reply = client.finish(client.call(std::move(call)));
    if (!reply) return failed(reply.error());
    if (reply->status != 200) return failed(failure_of(*reply));
    return finding;
}

}  // namespace

int agents_install_verb(AgentsOptions options) {
    auto hosts = chosen(options);
    if (!hosts) return complained(hosts.error());
    if (options.agent.server.url.empty() || options.agent.server.token_file.empty()) {
        complain(
            "say --approvals-url and --token-file: the files that are written hold no secret, and variables "
            "could be "
            "changed by whoever is gated");
        return exit_usage;
    }
    if (options.program.empty()) {
        std::error_code ec;
        options.program = fs::read_symlink("/proc/self/exe", ec).string();
    }
    bool left = false;
    bool failed = false;
    for (Host host : *hosts) {
        if (options.agents.empty() && !in_path(agents::program_of(host))) continue;
        auto done = install_one(host, options);
        left = left || done == Installed::shown;
        failed = failed || done == Installed::failed;
    }
    return left || failed ? exit_failed : exit_ok;
}

int agents_doctor_verb(const AgentsOptions& options) {
    auto hosts = chosen(options);
    if (!hosts) return complained(hosts.error());
    std::vector<Finding> findings{server_finding(options)};
    for (Host host : *hosts)
        if (!options.agents.empty() || in_path(agents::program_of(host))) {
            examine(host, options, findings);
            if (options.live && can_be_tried(host)) try_out(host, options, findings);
        }
    bool bad = std::ranges::any_of(findings, [](const Finding& each) { return each.bad; });
    if (options.json) {
        core::Value list = core::Value::array();
        for (const Finding& each : findings)
            list.push(core::Value::object(
                {{"agent", each.agent}, {"ok", !each.bad}, {"finding", each.what}, {"fix", each.fix}}));
        print_json(list);
        return bad ? exit_failed : exit_ok;
    }
    std::vector<std::vector<std::string>> rows{{"AGENT", "", "FINDING", "FIX"}};
    for (const Finding& each : findings)
        rows.push_back({each.agent, each.bad ? "bad" : "ok", printable(each.what), each.fix});
    print_table(rows);
    return bad ? exit_failed : exit_ok;
}

}  // namespace countersign::cli
