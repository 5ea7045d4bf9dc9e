#include "countersign/app/readers.hpp"

#include <algorithm>
#include <utility>

#include "countersign/core/reading.hpp"

namespace countersign::app {

using core::Reading;

// Groups that cannot be read have nobody in them, so only what is known of the account itself has to be
// young.
Later<Done> Readers::look_up(const core::AccountId& account, const std::vector<CasePtr>& cases,
                             Deadline deadline) {
    std::vector<core::GroupId> groups;
    for (const CasePtr& now : cases) {
        if (now->c.applied->visible_to.empty()) continue;
        for (core::GroupId& group : core::reading_groups_of(now->c.applied))
            if (std::ranges::find(groups, group) == groups.end()) groups.push_back(std::move(group));
    }
    std::vector<core::AccountId> accounts{account};
    auto directory = roster_.snapshot();
    if (!core::in_chat(directory->full(account)))
        accounts = directory->accounts_of(directory->person_of(account));
    for (core::AccountId& one : accounts) {
        auto asked = co_await roster_.ensure(directory->full(one), groups, deadline);
        if (!asked && core::in_chat(one)) co_return pass(asked);
    }
    co_return Done{};
}

Later<std::vector<CasePtr>> Readers::readable(Reader reader, std::vector<CasePtr> cases, Deadline deadline) {
    auto known = co_await look_up(reader.account, cases, deadline);
    if (!known) co_return pass(known);
    auto directory = roster_.snapshot();
    std::vector<core::RequestId> others;
    for (const CasePtr& now : cases)
        if (core::reading_of(now->c, *directory, reader.account) != Reading::everything)
            others.push_back(now->c.request->id);
    if (others.empty()) co_return cases;
    std::vector<core::RequestId> here;
    if (reader.here && outbox_ != nullptr) {
        auto shown = co_await outbox_->shown_in(*reader.here, others, deadline);
        if (!shown) co_return pass(shown);
        here = std::move(*shown);
    }
    auto among = [](const std::vector<core::RequestId>& all, const CasePtr& now) {
        return std::ranges::find(all, now->c.request->id) != all.end();
    };
    std::erase_if(cases, [&](const CasePtr& now) { return among(others, now) && !among(here, now); });
    co_return cases;
}

Later<Access> Readers::access(Reader reader, CasePtr now, Deadline deadline) {
    const auto account = reader.account;
    auto kept = co_await readable(std::move(reader), {now}, deadline);
    if (!kept) co_return pass(kept);
    if (kept->empty()) co_return Access::nothing;
    const auto reading = core::reading_of(now->c, *roster_.snapshot(), account);
    co_return reading == Reading::as_the_channel ? Access::the_card : Access::everything;
}

}  // namespace countersign::app
