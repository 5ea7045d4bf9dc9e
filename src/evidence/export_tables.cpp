#include <fmt/core.h>

#include <fstream>
#include <string_view>
#include <utility>
#include <vector>

#include "countersign/adapters/audit.hpp"
#include "countersign/base/text.hpp"
#include "evidence/each_case.hpp"

namespace countersign::evidence {
namespace {

// A cell that begins with one of these is taken for a formula by spreadsheets.
bool like_a_formula(std::string_view cell) {
    return !cell.empty() && std::string_view{"=+-@\t\r"}.contains(cell.front());
}

std::string cell_of(std::string_view text) {
    std::string cell = like_a_formula(text) ? "'" : "";
    for (char c : text) {
        if (c == '"') cell += '"';
        cell += c;
    }
    return "\"" + cell + "\"";
}

std::string row_of(const std::vector<std::string>& cells) {
    std::string row;
    for (const auto& cell : cells) row += (row.empty() ? "" : ",") + cell_of(cell);
    return row + "\r\n";
}

template <class Ids>
std::string together(const Ids& ids) {
    std::vector<std::string> texts;
    for (const auto& id : ids) texts.emplace_back(id.text());
    return join(texts, "; ");
}

std::string time_cell(const std::optional<core::Instant>& at) {
    return at ? core::rfc3339(*at) : std::string{};
}

// What the entries of a request say of its course.
struct Course {
    std::vector<core::PersonId> behind;
    std::optional<core::Instant> claimed_at;
    std::string outcome;
};
Course course_of(const core::Case& c) {
    Course course;
    for (const core::Entry& entry : c.entries) {
        if (const auto* opened = std::get_if<core::Opened>(&entry)) course.behind = opened->behind;
        if (const auto* again = std::get_if<core::Rejudged>(&entry)) course.behind = again->behind;
        if (const auto* claimed = std::get_if<core::Claimed>(&entry)) course.claimed_at = claimed->at;
        if (const auto* reported = std::get_if<core::Reported>(&entry)) course.outcome = reported->detail;
    }
    return course;
}

std::vector<std::string> request_cells(const core::Case& c, const core::Ruling& ruling) {
    const core::Request& request = c.request;
    Course course = course_of(c);
    std::vector<std::string> approvers;
    for (const auto& mark : ruling.votes)
        if (mark.counted_for) approvers.push_back(mark.person.text() + " for " + mark.counted_for->text());
    return {std::to_string(request.number),
            request.id.text(),
            core::rfc3339(request.created_at),
            request.action,
            request.environment.value_or(""),
            request.resource.value_or(""),
            request.requester.name,
            together(course.behind),
            request.intent,
            std::string(core::name_of(ruling.state)),
            time_cell(ruling.decided_at),
            ruling.reason,
            join(approvers, "; "),
            join(c.applied->rules, "; "),
            c.applied->policy_digest,
            request.digest,
            time_cell(course.claimed_at),
            course.outcome};
}

class Tables {
  public:
    explicit Tables(const std::string& folder)
        : requests_(folder + "/requests.csv", std::ios::binary),
          votes_(folder + "/votes.csv", std::ios::binary) {
        requests_ << row_of({"number", "id", "filed_at", "action", "environment", "resource", "requester",
                             "behind", "intent", "state", "decided_at", "reason", "approved_by", "rules",
                             "policy", "digest", "claimed_at", "outcome"});
        votes_ << row_of({"number", "id", "action", "environment", "entry", "at", "person", "account",
                          "verdict", "via", "reason", "groups", "stands", "counted_for", "self_approval"});
    }
    void add(const core::Case& c, TablesWritten& written) {
        auto ruling = core::decide(c);
        requests_ << row_of(request_cells(c, ruling));
        ++written.requests;
        for (std::size_t i = 0; i < c.entries.size(); ++i) {
            const auto* voted = std::get_if<core::Voted>(&c.entries[i]);
            if (!voted) continue;
            votes_ << row_of(vote_cells(c, ruling, i, *voted));
            ++written.votes;
        }
    }
    bool kept() {
        requests_.close();
        votes_.close();
        return requests_.good() && votes_.good();
    }

  private:
    static std::vector<std::string> vote_cells(const core::Case& c, const core::Ruling& ruling,
                                               std::size_t entry, const core::Voted& voted) {
        const core::VoteMark* stands = nullptr;
        for (const auto& mark : ruling.votes)
            if (mark.entry == entry) stands = &mark;
        bool counted = stands && stands->counted_for;
        return {std::to_string(c.request->number),
                c.request->id.text(),
                c.request->action,
                c.request->environment.value_or(""),
                std::to_string(entry + 1),
                core::rfc3339(voted.at),
                voted.voter.person.text(),
                voted.voter.account.text(),
                std::string(core::name_of(voted.verdict)),
                std::string(core::name_of(voted.via)),
                voted.reason,
                together(voted.voter.groups),
                stands ? "yes" : "no",
                counted ? stands->counted_for->text() : std::string{},
                voted.voter.self_approval ? "yes" : "no"};
    }

    std::ofstream requests_;
    std::ofstream votes_;
};

}  // namespace

Later<TablesWritten> export_tables(app::AuditStore& store, ExportFilter filter, std::string folder,
                                   const rt::Clock& clock, AuditProgress progress) {
    auto made = make_empty_folder(folder);
    if (!made) co_return pass(made);
    Tables tables(folder);
    TablesWritten written;
    auto add = [&](const core::Case& c) { tables.add(c, written); };
    auto seen = co_await each_case(store, filter, clock, std::move(progress), add);
    if (!seen) co_return pass(seen);
    written.findings = std::move(*seen);
    if (!tables.kept())
        co_return fail(Trouble::unavailable, fmt::format("{} cannot be written", visible(folder)));
    co_return written;
}

}  // namespace countersign::evidence
