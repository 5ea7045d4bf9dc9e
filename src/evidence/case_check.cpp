#include "evidence/case_check.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <span>
#include <utility>

#include "countersign/core/history.hpp"
#include "countersign/wire/leaves.hpp"
#include "countersign/wire/stored.hpp"
#include "countersign/wire/stored_entry.hpp"

namespace countersign::evidence {
namespace {

// Reads a request's parts one after the other; what cannot be read is a problem, and ends it.
class CaseReader {
  public:
    CaseReader(const app::RecordedCase& recorded, CheckedCase& checked)
        : recorded_(recorded), checked_(checked) {}
    void read();

  private:
    bool take_request();
    bool take_entry(const app::RecordedEntry& row);
    void take_leaves(const app::RecordedEntry& row);
    void judge() const;
    void problem(std::string text) const { checked_.problems.push_back(std::move(text)); }

    const app::RecordedCase& recorded_;
    CheckedCase& checked_;
    std::optional<core::Case> worded_;  // in its words, as far as they are there
    std::optional<core::Case> sealed_;  // as recorded for good: what the rulings are worked out from
};

bool CaseReader::take_request() {
    auto sealed = wire::read_stored_request(recorded_.record, recorded_.id, recorded_.number);
    auto applied = wire::read_stored_applied(recorded_.rules);
    if (!sealed || !applied) {
        problem("its request or its rules are not readable");
        return false;
    }
    checked_.erased = !recorded_.words || !recorded_.salt;
    auto worded = checked_.erased
                      ? sealed
                      : wire::read_stored_request(*recorded_.words, recorded_.id, recorded_.number);
    bool same =
        worded && (checked_.erased || wire::stored_request(*worded, &*recorded_.salt) == recorded_.record);
    if (!same) {
        problem("the words of the request are not those that were recorded");
        return false;
    }
    if (sealed->digest != recorded_.digest ||
        (!checked_.erased && core::digest_of(*worded) != recorded_.digest))
        problem("its digest is not that of what was asked");
    if (applied->policy_digest != recorded_.policy) problem("its rules are those of another policy");
    sealed_ = core::Case{.request = std::move(*sealed), .applied = *applied, .entries = {}};
    worded_ = core::Case{.request = std::move(*worded), .applied = std::move(*applied), .entries = {}};
    return true;
}

bool CaseReader::take_entry(const app::RecordedEntry& row) {
    auto sealed = wire::read_stored_entry(row.record);
    if (!sealed || row.version != sealed_->version() + 1) {
        problem(fmt::format("entry {} is missing or not readable", sealed_->version() + 1));
        return false;
    }
    wire::OpeningFacts facts{recorded_.number, recorded_.record, recorded_.rules};
    const auto* opened = std::get_if<core::Opened>(&*sealed);
    if ((opened != nullptr) != (row.version == 1)) {
        problem(fmt::format("entry {} is out of its place", row.version));
        return false;
    }
    if (opened && !wire::opens(row.record, facts))
        problem("the request or its rules are not those that its first entry tells of");
    auto worded = sealed;
    if (row.words && recorded_.salt) {
        worded = wire::read_stored_entry(*row.words);
        const auto* words = worded ? std::get_if<core::Opened>(&*worded) : nullptr;
        std::string again = !worded ? std::string{}
                            : words ? wire::stored_opening(*words, facts, *recorded_.salt)
                                    : wire::stored_entry(*worded, &*recorded_.salt);
        if (again != row.record) {
            problem(fmt::format("the words of entry {} are not those that were recorded", row.version));
            worded = sealed;
        }
    } else {
        checked_.erased = true;
    }
    sealed_->entries.push_back(std::move(*sealed));
    worded_->entries.push_back(std::move(*worded));
    return true;
}

void CaseReader::take_leaves(const app::RecordedEntry& row) {
    auto place = static_cast<std::size_t>(row.version) - 1;
    auto leaves =
        wire::leaves_of({.request = recorded_.id,
                         .version = row.version,
                         .digest = recorded_.digest,
                         .policy = recorded_.policy,
                         .before = place == 0 ? core::State::pending : recorded_.entries[place - 1].state,
                         .after = row.state,
                         .record = row.record});
    if (!leaves) return;  // said already
    for (auto& leaf : *leaves) {
        checked_.leaves.push_back({.index = -1,
                                   .version = row.version,
                                   .type = std::string(leaf.type),
                                   .hash = tlog::leaf_hash(leaf.body)});
        checked_.bodies.push_back(std::move(leaf.body));
    }
}

void CaseReader::judge() const {
    for (std::size_t i = 0; i < sealed_->entries.size(); ++i) {
        auto ruling =
            core::decide(sealed_->request, sealed_->applied, std::span{sealed_->entries}.first(i + 1));
        if (ruling.state == recorded_.entries[i].state) continue;
        problem(fmt::format("with entry {} it is recorded as {}, but its entries come to {}", i + 1,
                            core::name_of(recorded_.entries[i].state), core::name_of(ruling.state)));
        return;
    }
    if (checked_.erased) return;
    const bool approved = std::ranges::any_of(
        recorded_.entries, [](const app::RecordedEntry& one) { return one.state == core::State::approved; });
    for (const std::string& wrong : core::contradictions(worded_->request, worded_->applied, approved))
        problem(wrong);
    if (core::decide(*worded_).state != recorded_.entries.back().state)
        problem("its words come to another state than its record");
}

void CaseReader::read() {
    if (!take_request()) return;
    if (recorded_.entries.empty()) return problem("it has no entries");
    for (const auto& row : recorded_.entries) {
        if (!take_entry(row)) return;
        take_leaves(row);
    }
    judge();
    checked_.c = std::move(worded_);
}

}  // namespace

CheckedCase check_case(const app::RecordedCase& recorded) {
    CheckedCase checked;
    CaseReader(recorded, checked).read();
    return checked;
}

std::vector<std::string> compare_leaves(const CheckedCase& checked,
                                        const std::vector<app::LoggedLeaf>& logged,
                                        const std::vector<std::int32_t>& waits) {
    std::vector<std::string> problems;
    auto expected = checked.leaves.begin();
    for (const auto& leaf : logged) {
        while (expected != checked.leaves.end() && expected->version < leaf.version) {
            problems.push_back(
                fmt::format("the log lacks {} of entry {}", expected->type, expected->version));
            ++expected;
        }
        bool same = expected != checked.leaves.end() && expected->version == leaf.version &&
                    expected->type == leaf.type && expected->hash == leaf.hash;
        if (same)
            ++expected;
        else
            problems.push_back(fmt::format("event {} ({} of entry {}) is not what the request says",
                                           leaf.index, leaf.type, leaf.version));
    }
    for (; expected != checked.leaves.end(); ++expected) {
        if (std::ranges::find(waits, expected->version) != waits.end()) continue;
        problems.push_back(fmt::format("the log lacks {} of entry {}", expected->type, expected->version));
    }
    return problems;
}

}  // namespace countersign::evidence
