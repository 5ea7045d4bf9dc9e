#include <fmt/core.h>

#include <algorithm>
#include <functional>
#include <map>
#include <utility>

#include "cli/console.hpp"
#include "cli/database.hpp"
#include "cli/ground.hpp"
#include "cli/outcome.hpp"
#include "cli/verbs.hpp"
#include "countersign/adapters/policy_tests.hpp"
#include "countersign/base/text.hpp"
#include "countersign/core/replay.hpp"

// `countersign policy replay`: what a candidate policy would have made of the requests on record. Reads, and
// writes nothing.
namespace countersign::cli {
namespace {

using core::Value;

constexpr std::size_t page_size = 200;
constexpr std::size_t why_bytes_max = 80;

Result<core::Instant> moment_of(const std::string& since, core::Instant now) {
    if (auto seconds = parse_duration_s(since)) return now - std::chrono::seconds{*seconds};
    if (auto moment = core::parse_rfc3339(since)) return *moment;
    return fail(Trouble::invalid_input,
                fmt::format("--since {}: takes an age such as 30d, or a moment such as 2026-01-05T00:00:00Z",
                            visible(since)));
}

// Every request since then, newest first, a page at a time.
Result<Done> each_case(OpenDatabase& open, core::Instant since,
                       const std::function<void(const core::Case&)>& see) {
    app::ListFilter filter;
    filter.since = since;
    filter.limit = page_size;
    do {
        auto page =
            open.loop->finish(open.database->cases().list(filter, open.loop->within(database_patience)));
        if (!page) return pass(page);
        for (const core::Case& one : page->cases) see(one);
        filter.before_number = page->next_before;
    } while (filter.before_number);
    return Done{};
}

struct Change {
    std::int64_t number;
    std::string id;
    core::Instant at;
    std::string action;
    std::string environment;
    core::Ending before;
    core::Ending after;
    std::vector<std::string> rules;
    std::string why;
};

struct Tale {
    std::size_t requests = 0;
    std::size_t same = 0;
    std::size_t asked_otherwise = 0;  // of the same: other people, or more or fewer of them
    std::size_t not_judged = 0;
    std::map<std::pair<core::Ending, core::Ending>, std::size_t> changes;
    std::map<core::GroupId, std::size_t> unseen;
    std::vector<Change> listed;
};

std::string why_of(const core::Replayed& replayed) {
    switch (replayed.after) {
        case core::Ending::waiting:
            return replayed.ruling.held ? "held, and not released"
                                        : "lacks " + slots_text(replayed.ruling.missing);
        case core::Ending::expired:
            return fmt::format(
                "after {}",
                duration_text(
                    std::chrono::duration_cast<std::chrono::seconds>(replayed.applied.expires).count()));
        default:
            break;
    }
    if (!replayed.ruling.reason.empty()) return replayed.ruling.reason;
    return replayed.applied.rules.empty() ? "by default" : "by " + join(replayed.applied.rules, ", ");
}

void take(Tale& tale, const core::Case& stored, const Result<core::Replayed>& replayed, std::size_t limit) {
    ++tale.requests;
    if (!replayed) {
        ++tale.not_judged;
        return;
    }
    for (const core::GroupId& group : replayed->unseen) ++tale.unseen[group];
    if (replayed->before == replayed->after) {
        ++tale.same;
        if (replayed->applied.alternatives != stored.applied->alternatives) ++tale.asked_otherwise;
        return;
    }
    ++tale.changes[{replayed->before, replayed->after}];
    if (tale.listed.size() >= limit) return;
    const core::Request& request = stored.request;
    tale.listed.push_back({request.number, request.id.text(), request.created_at, request.action,
                           request.environment.value_or(""), replayed->before, replayed->after,
                           replayed->applied.rules, why_of(*replayed)});
}

Value value_of(const Tale& tale, core::Instant since) {
    Value changes = Value::array();
    std::size_t changed = 0;
    for (const auto& [endings, count] : tale.changes) {
        changed += count;
        changes.push(Value::object({{"before", core::name_of(endings.first)},
                                    {"after", core::name_of(endings.second)},
                                    {"count", count}}));
    }
    Value unseen = Value::object();
    for (const auto& [group, count] : tale.unseen) unseen.set(group.text(), count);
    Value listed = Value::array();
    for (const Change& one : tale.listed) {
        Value rules = Value::array();
        for (const std::string& rule : one.rules) rules.push(rule);
        listed.push(Value::object({{"number", one.number},
                                   {"id", one.id},
                                   {"created_at", core::rfc3339(one.at)},
                                   {"action", one.action},
                                   {"environment", one.environment},
                                   {"before", core::name_of(one.before)},
                                   {"after", core::name_of(one.after)},
                                   {"rules", std::move(rules)},
                                   {"why", one.why}}));
    }
    return Value::object({{"since", core::rfc3339(since)},
                          {"requests", tale.requests},
                          {"same", tale.same},
                          {"asked_otherwise", tale.asked_otherwise},
                          {"changed", changed},
                          {"not_judged", tale.not_judged},
                          {"changes", std::move(changes)},
                          {"unseen_groups", std::move(unseen)},
                          {"requests_changed", std::move(listed)}});
}

std::string requests_words(std::size_t count) {
    return fmt::format("{} {}", count, count == 1 ? "request" : "requests");
}

std::string clipped(const std::string& text) {
    std::string shown = printable(text);
    if (shown.size() <= why_bytes_max) return shown.empty() ? "-" : shown;
    return std::string{clip_utf8(shown, why_bytes_max)} + "...";
}

void print_tale(const Tale& tale, core::Instant since) {
    std::size_t changed = 0;
    for (const auto& [endings, count] : tale.changes) changed += count;
    print(fmt::format("{} since {}: {} would end the same way, {} would not", requests_words(tale.requests),
                      core::rfc3339(since), tale.same, changed));
    if (tale.asked_otherwise > 0)
        print(fmt::format("of those that end the same, {} would ask other people, or another number of them",
                          tale.asked_otherwise));
    for (const auto& [endings, count] : tale.changes)
        print(fmt::format("  {:>6}  {} -> {}", count, core::name_of(endings.first),
                          core::name_of(endings.second)));
    if (tale.not_judged > 0)
        print(fmt::format("{} cannot be judged: the candidate's rules cannot be combined for them",
                          requests_words(tale.not_judged)));
    for (const auto& [group, count] : tale.unseen)
        print(fmt::format("{} would ask group {}, of whose members the record knows nobody",
                          requests_words(count), visible(group.text())));
    if (tale.listed.empty()) return;
    print("");
    std::vector<std::vector<std::string>> rows{
        {"NUMBER", "ASKED", "ACTION", "ENVIRONMENT", "WAS", "WOULD BE", "WHY"}};
    for (const Change& one : tale.listed)
        rows.push_back({fmt::format("#{}", one.number), core::rfc3339(one.at).substr(0, 19) + "Z",
                        clipped(one.action), clipped(one.environment), std::string{name_of(one.before)},
                        std::string{name_of(one.after)}, clipped(one.why)});
    print_table(rows);
    if (tale.listed.size() < changed)
        print(fmt::format("and {} more; list them with --limit {}", changed - tale.listed.size(), changed));
}

}  // namespace

int policy_replay_verb(const PolicyReplayOptions& options) {
    auto policy = load_policy_aloud(options.policy, false);
    if (!policy) {
        complain(policy.error().detail);
        return exit_failed;
    }
    auto open = open_database(options.config_file);
    if (!open) return failed(open.error());
    auto since = moment_of(options.since, open->loop->now());
    if (!since) return failed(since.error());
    core::GroupsSeen seen;
    auto read = each_case(*open, *since, [&](const core::Case& one) { seen.learn(one); });
    if (!read) return failed(read.error());
    const core::Directory candidate{*policy, {}};
    Tale tale;
    auto told = each_case(*open, *since, [&](const core::Case& one) {
        take(tale, one, core::replay(one, candidate, seen), options.limit);
    });
    if (!told) return failed(told.error());
    options.json ? print_json(value_of(tale, *since)) : print_tale(tale, *since);
    return exit_ok;
}

}  // namespace countersign::cli
