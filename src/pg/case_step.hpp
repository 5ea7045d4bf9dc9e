#pragma once
#include <algorithm>
#include <vector>

#include "countersign/app/plan.hpp"
#include "pg/case_writer.hpp"
#include "pg/rows.hpp"

namespace countersign::pg {

// What the commands for one request come to, within one transaction.
struct CaseWriter::Step {
    explicit Step(core::RequestId id) : request(id) {}

    core::RequestId request;
    std::vector<WaitingAppend*> items;
    StoredCasePtr known;
    // How much of what is known is in the database.
    std::size_t recorded_entries = 0;
    core::State recorded_state = core::State::pending;
    app::Seal recorded_seal{};
    std::size_t recorded_weight = 0;

    // Made anew by every attempt:
    app::Plan plan;
    std::vector<EntryRow> rows;
    std::vector<Result<app::Appended>> answers;
    bool written = false;
    bool leased = false;

    const app::Lease& lease() const { return items.back()->what.lease; }
    void is_recorded() {
        recorded_entries = known->c.entries.size();
        recorded_state = known->state;
        recorded_seal = known->seal;
        recorded_weight = known->weight_bytes;
    }
    void start_over() {
        plan = {};
        rows.clear();
        answers.clear();
        written = false;
        leased = false;
        if (!known) return;  // entries never change: those recorded are still true
        known->c.entries.erase(known->c.entries.begin() + std::ptrdiff_t(recorded_entries),
                               known->c.entries.end());
        known->origins.resize(recorded_entries);
        known->state = recorded_state;
        known->seal = recorded_seal;
        known->weight_bytes = recorded_weight;
    }
    // Everybody's command became entries: nothing else is to be looked up or written.
    bool plain() const {
        bool same_links = std::ranges::all_of(
            items, [&](const auto* item) { return item->what.people == items.back()->what.people; });
        const bool alone =
            std::ranges::any_of(items, [](const auto* item) { return item->what.opens != nullptr; });
        return same_links && !alone && plan.wrote() && plan.refused.empty() && plan.cards.empty() &&
               std::ranges::all_of(answers,
                                   [](const auto& one) { return one && !one->refusal && !one->repeat; });
    }
    // Other requests have a say in what decides this one. What opens another one beside it decides nothing.
    bool asks_history() const {
        return known && known->state == core::State::pending && core::asks_history(known->c.applied);
    }
    bool hands_out_a_grant() const {
        return std::ranges::find(rows, "claimed", &EntryRow::kind) != rows.end();
    }
    bool maybe_ours() const {
        return std::ranges::any_of(items, [](const auto* item) { return item->maybe_ours; });
    }
    void refuse_all(const Failure& failure) {
        for (auto* item : items)
            if (!item->answered()) item->refuse(failure);
    }
};

}  // namespace countersign::pg
