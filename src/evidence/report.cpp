#include <fmt/core.h>

#include <algorithm>
#include <chrono>
#include <map>
#include <utility>

#include "countersign/adapters/audit.hpp"
#include "countersign/base/markup.hpp"
#include "countersign/base/text.hpp"
#include "countersign/wire/json.hpp"
#include "evidence/each_case.hpp"

namespace countersign::evidence {
namespace {

constexpr std::size_t leaf_bytes_max = 65'535;
constexpr std::size_t report_rows_max = 50'000;  // in a list; what is more is counted
constexpr const char* report_head =
    "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
    "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
    "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src "
    "'unsafe-inline'\">\n"
    "<title>Approvals</title>\n<style>\n"
    "body{font:15px/1.45 system-ui,sans-serif;margin:2rem auto;max-width:70rem;padding:0 "
    "1rem;color:#1a1a1a}\n"
    "h1{font-size:1.5rem}h2{font-size:1.15rem;margin-top:2rem}\n"
    "table{border-collapse:collapse;width:100%;font-size:.9rem}\n"
    "th,td{border-bottom:1px solid #ccc;padding:.3rem "
    ".5rem;text-align:left;vertical-align:top;overflow-wrap:anywhere}\n"
    "th{border-bottom:2px solid #666}tr{break-inside:avoid}\n"
    "@media print{body{margin:0;max-width:none}h2{break-after:avoid}}\n"
    "</style>\n</head>\n<body>\n";

// Makes text from outside one that may stand in a page: what cannot be seen is shown, and nothing is markup.
std::string escaped(std::string_view text) {
    return escape_markup(printable(text));
}

class List {
  public:
    List(std::string title, std::vector<std::string> columns)
        : title_(std::move(title)), columns_(std::move(columns)) {}
    void add(const std::vector<std::string>& cells) {
        if (++rows_ > report_rows_max) return;
        body_ += "<tr>";
        for (const auto& cell : cells) body_ += "<td>" + escaped(cell) + "</td>";
        body_ += "</tr>\n";
    }
    std::string html() const {
        std::string out = "<h2>" + title_ + "</h2>\n";
        if (rows_ == 0) return out + "<p>None.</p>\n";
        out += "<table>\n<thead><tr>";
        for (const auto& column : columns_) out += "<th>" + column + "</th>";
        out += "</tr></thead>\n<tbody>\n" + body_ + "</tbody>\n</table>\n";
        if (rows_ > report_rows_max) out += fmt::format("<p>And {} more.</p>\n", rows_ - report_rows_max);
        return out;
    }

  private:
    std::string title_;
    std::vector<std::string> columns_;
    std::string body_;
    std::size_t rows_ = 0;
};

std::string day_and_time(core::Instant at) {
    return core::rfc3339(std::chrono::floor<std::chrono::seconds>(at));
}

class Questions {
  public:
    void take(const core::Case& c);
    void take_act(const app::AuditedEvent& event, const ExportFilter& filter);
    std::string html(const ExportFilter& filter, core::Instant now, std::size_t findings);
    std::int64_t requests() const { return requests_; }

  private:
    void take_approval(const core::Case& c, const core::Ruling& ruling);
    void take_votes(const core::Case& c, const core::Ruling& ruling);
    List counted(const std::string& title, const std::string& what,
                 const std::map<std::string, std::int64_t>& counts);

    std::int64_t requests_ = 0;
    std::map<std::string, std::int64_t> by_state_, by_person_, by_reason_, by_act_;
    // Under which policy requests were judged, by its digest.
    struct InForce {
        core::Instant first;
        core::Instant last;
        std::int64_t requests = 0;
    };
    std::map<std::string, InForce> policies_;
    std::map<std::string, std::vector<std::int64_t>> seconds_;  // to the decision, by environment
    List approvals_{"Approvals",
                    {"Request", "Action", "Environment", "For whom", "Approved by", "Rules", "When"}};
    List own_{"Approvals of one's own request, and other break-glass",
              {"Request", "Action", "Person", "Reason", "When", "Reviewed"}};
    List unanswered_{"Requests that nobody answered", {"Request", "Action", "Environment", "Filed", "Ended"}};
    List changes_{"Changes of rules, people, tokens and keys", {"When", "What", "About", "Event of the log"}};
};

std::string name_of_request(const core::Case& c) {
    return fmt::format("#{} {}", c.request->number, c.request->id.text());
}

void Questions::take_approval(const core::Case& c, const core::Ruling& ruling) {
    std::vector<std::string> by, behind;
    for (const auto& mark : ruling.votes) {
        if (!mark.counted_for) continue;
        by.push_back(mark.person.text() + " for " + mark.counted_for->text());
        ++by_person_[mark.person.text()];
    }
    if (const auto* opened = std::get_if<core::Opened>(&c.entries.front()))
        for (const auto& person : opened->behind) behind.emplace_back(person.text());
    approvals_.add({name_of_request(c), c.request->action, c.request->environment.value_or(""),
                    c.request->requester.name + (behind.empty() ? "" : " for " + join(behind, ", ")),
                    by.empty() ? "nobody: allowed by the rules" : join(by, ", "),
                    join(c.applied->rules, ", "), ruling.decided_at ? day_and_time(*ruling.decided_at) : ""});
}

// Who looked at it afterwards and what they found, or until when somebody should have.
std::string review_text(const core::Ruling& ruling) {
    if (!ruling.review) return "not asked for";
    std::vector<std::string> said;
    for (const core::ReviewMark& mark : ruling.review->given)
        said.push_back(fmt::format("{} {}: {}", day_and_time(mark.at), mark.person.text(), mark.reason));
    for (const core::GroupId& group : ruling.review->missing)
        said.push_back(
            fmt::format("by nobody of {}, due {}", group.text(), day_and_time(ruling.review->due)));
    return join(said, "; ");
}

void Questions::take_votes(const core::Case& c, const core::Ruling& ruling) {
    for (const core::Entry& entry : c.entries) {
        const auto* voted = std::get_if<core::Voted>(&entry);
        if (voted && core::is_self_approval(entry))
            own_.add({name_of_request(c), c.request->action, voted->voter.person.text(), voted->reason,
                      day_and_time(voted->at), review_text(ruling)});
    }
    bool silent = std::ranges::none_of(
        c.entries, [](const core::Entry& entry) { return std::holds_alternative<core::Voted>(entry); });
    if (ruling.state == core::State::expired && silent)
        unanswered_.add({name_of_request(c), c.request->action, c.request->environment.value_or(""),
                         day_and_time(c.request->created_at),
                         ruling.decided_at ? day_and_time(*ruling.decided_at) : ""});
}

// What changed who could approve, and who could ask: the facts themselves are in the acts that the log tells
// of.
void Questions::take_act(const app::AuditedEvent& event, const ExportFilter& filter) {
    auto leaf = wire::parse_json(event.body, {.bytes_max = leaf_bytes_max});
    if (!leaf) return;
    auto at = core::parse_rfc3339((*leaf)["occurred_at"].text());
    if (!at || (filter.since && *at < *filter.since) || (filter.until && *at >= *filter.until)) return;
    const std::string why((*leaf)["why"].text());
    ++by_act_[why.empty() ? event.type : event.type + ": " + why];
    // A refused vote changed nothing, and there may be many.
    if (event.request) return;
    changes_.add(
        {day_and_time(*at), event.type, std::string((*leaf)["subject"].text()), std::to_string(event.index)});
}

void Questions::take(const core::Case& c) {
    ++requests_;
    auto& policy = policies_[c.applied->policy_digest];
    const auto filed = c.request->created_at;
    if (policy.requests++ == 0) policy.first = policy.last = filed;
    policy.first = std::min(policy.first, filed);
    policy.last = std::max(policy.last, filed);
    auto ruling = core::decide(c);
    ++by_state_[std::string(core::name_of(ruling.state))];
    using enum core::State;
    bool granted = ruling.state == approved || ruling.state == claimed || ruling.state == succeeded ||
                   ruling.state == failed || ruling.state == lapsed;
    if (granted) take_approval(c, ruling);
    if (ruling.state == denied || ruling.state == refused)
        ++by_reason_[fmt::format("{}: {}", core::name_of(ruling.state), ruling.reason)];
    if (ruling.decided_at) {
        auto took = std::chrono::floor<std::chrono::seconds>(*ruling.decided_at - c.request->created_at);
        seconds_[c.request->environment.value_or("(none)")].push_back(took.count());
    }
    take_votes(c, ruling);
}

List Questions::counted(const std::string& title, const std::string& what,
                        const std::map<std::string, std::int64_t>& counts) {
    List list(title, {what, "How many"});
    std::vector<std::pair<std::int64_t, std::string>> sorted;
    for (const auto& [name, count] : counts) sorted.emplace_back(-count, name);
    std::ranges::sort(sorted);
    for (const auto& [count, name] : sorted) list.add({name, std::to_string(-count)});
    return list;
}

std::string Questions::html(const ExportFilter& filter, core::Instant now, std::size_t findings) {
    std::string out = report_head;
    out += "<h1>Approvals</h1>\n<p>";
    out += "Requests filed ";
    out += filter.since ? "from " + day_and_time(*filter.since) : "from the beginning";
    out += " to " + day_and_time(filter.until.value_or(now));
    if (filter.action) out += ", action " + escaped(*filter.action);
    if (filter.environment) out += ", environment " + escaped(*filter.environment);
    out += fmt::format(". {} requests. Written {}.</p>\n", requests_, day_and_time(now));
    out += findings == 0 ? "<p>Every request was checked against its records and holds together.</p>\n"
                         : fmt::format(
                               "<p><strong>{} findings: some requests do not hold together. Run "
                               "<code>countersign audit verify</code>.</strong></p>\n",
                               findings);
    out += counted("How requests ended", "State", by_state_).html();
    out += approvals_.html() + counted("Approvals by person", "Person", by_person_).html() + own_.html();
    out += counted("Denials and refusals by reason", "Reason", by_reason_).html();
    List times("Time to the decision", {"Environment", "Decisions", "Half within", "95 % within", "Longest"});
    for (auto& [environment, seconds] : seconds_) {
        std::ranges::sort(seconds);
        auto at = [&seconds](std::size_t percent) {
            return duration_text(seconds[(seconds.size() - 1) * percent / 100]);
        };
        times.add({environment, std::to_string(seconds.size()), at(50), at(95), at(100)});
    }
    List policies("Policies that requests were judged by", {"Policy", "First", "Last", "Requests"});
    for (const auto& [digest, in_force] : policies_)
        policies.add({digest, day_and_time(in_force.first), day_and_time(in_force.last),
                      std::to_string(in_force.requests)});
    out += times.html() + unanswered_.html() + policies.html();
    out += counted("Acts beside votes, refused votes among them", "Type", by_act_).html() + changes_.html();
    return out + "</body>\n</html>\n";
}

// Hands every act that the log tells of to the questions.
Later<Done> take_acts(app::AuditStore& store, const ExportFilter& filter, const rt::Clock& clock,
                      Questions& questions) {
    for (std::int64_t next = 0;;) {
        auto page = co_await store.events(next, app::AuditStore::events_max,
                                          {clock.now() + std::chrono::seconds{30}});
        if (!page) co_return pass(page);
        if (page->empty()) co_return Done{};
        for (const auto& event : *page)
            if (!event.of_entry) questions.take_act(event, filter);
        next = page->back().index + 1;
    }
}

}  // namespace

Later<Report> audit_report(app::AuditStore& store, ExportFilter filter, const rt::Clock& clock,
                           AuditProgress progress) {
    Questions questions;
    auto take = [&](const core::Case& c) { questions.take(c); };
    auto seen = co_await each_case(store, filter, clock, std::move(progress), take);
    if (!seen) co_return pass(seen);
    auto acts = co_await take_acts(store, filter, clock, questions);
    if (!acts) co_return pass(acts);
    Report report{.html = questions.html(filter, clock.now(), seen->size()),
                  .requests = questions.requests(),
                  .findings = std::move(*seen)};
    co_return report;
}

}  // namespace countersign::evidence
