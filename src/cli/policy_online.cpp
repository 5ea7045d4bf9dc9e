#include "cli/policy_online.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <fstream>
#include <utility>

#include "cli/loop.hpp"
#include "countersign/adapters/config.hpp"
#include "countersign/net/network.hpp"
#include "countersign/server/examine.hpp"

namespace countersign::cli {
namespace {

namespace fs = std::filesystem;

constexpr core::Duration online_patience = std::chrono::seconds{5};

std::vector<fs::path> sources_of(const std::string& file) {
    std::error_code ignored;
    if (!fs::is_directory(file, ignored)) return {fs::path(file)};
    std::vector<fs::path> all;
    for (const auto& entry : fs::directory_iterator(file, ignored))
        if (entry.path().extension() == ".yaml" || entry.path().extension() == ".yml")
            all.push_back(entry.path());
    std::ranges::sort(all);
    return all;
}

bool part_of_a_name(char c) {
    return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_' || c == '-';
}

// Finds a name that stands for itself in a line, outside a comment; npos: it does not.
std::size_t find_name(const std::string& line, const std::string& name) {
    const auto comment = std::min(line.starts_with('#') ? 0 : line.find(" #"), line.size());
    for (auto at = line.find(name); at != std::string::npos; at = line.find(name, at + 1)) {
        const auto end = at + name.size();
        const bool begins = at == 0 || !part_of_a_name(line[at - 1]);
        const bool ends = end == line.size() || !part_of_a_name(line[end]);
        // A channel in quotes begins with the sign that else begins a comment.
        const bool quoted = at > 0 && (line[at - 1] == '"' || line[at - 1] == '\'');
        if (begins && ends && (at < comment || quoted)) return at;
    }
    return std::string::npos;
}

// The first place where the policy names something; the file as a whole where only the settings do.
PolicyFinding finding_at(const std::string& file, const std::string& name, std::string message) {
    PolicyFinding finding{.file = file, .message = std::move(message)};
    for (const auto& source : sources_of(file)) {
        std::ifstream lines(source);
        std::string line;
        for (int number = 1; std::getline(lines, line); ++number) {
            const auto at = find_name(line, name);
            if (at == std::string::npos) continue;
            finding.file = source.string();
            finding.line = number;
            finding.column = static_cast<int>(at) + 1;
            return finding;
        }
    }
    return finding;
}

void add_findings(const std::string& file, const app::Check& check, std::vector<PolicyFinding>& findings) {
    if (check.state == app::Check::State::ok) return;
    for (const auto& wrong : check.wrong)
        findings.push_back(finding_at(file, wrong.name, wrong.what + "; " + check.fix));
    if (!check.wrong.empty()) return;
    const bool failed = check.state == app::Check::State::failed;
    findings.push_back(
        {.file = file,
         .severity = failed ? PolicyFinding::Severity::error : PolicyFinding::Severity::warning,
         .message =
             fmt::format("{}: {}{}{}", check.name, check.detail, check.fix.empty() ? "" : "; ", check.fix)});
}

}  // namespace

Result<std::vector<PolicyFinding>> check_online(const std::string& file, const core::Policy& policy,
                                                const std::string& config_file) {
    auto settings = config::load(config_file, config::process_environment());
    if (!settings) return pass(settings);
    Loop loop;
    auto network = net::make_network(loop.executor(), loop.clock(), loop.timers());
    const server::Ground ground{loop.executor(), loop.clock(), loop.timers(), loop.entropy(), *network};
    auto checks = loop.finish(server::examine_names(*settings, policy, ground, loop.within(online_patience)));
    if (!checks) return pass(checks);
    std::vector<PolicyFinding> findings;
    for (const auto& check : *checks) add_findings(file, check, findings);
    return findings;
}

}  // namespace countersign::cli
