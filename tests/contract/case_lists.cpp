#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "contract/cases.hpp"

// How requests are looked for: lists, what is due, versions.
namespace countersign::contract {
namespace {

using core::testing::asks;
using core::testing::requires_of;
using testing::ElementsAre;

template <class Backend>
class CaseLists : public CaseTest<Backend> {};
TYPED_TEST_SUITE(CaseLists, CaseBackends);

TYPED_TEST(CaseLists, AListIsPagedNewestFirstWithoutGapOrRepeat) {
    std::vector<std::int64_t> numbers;
    for (int i = 0; i < 7; ++i) numbers.push_back(this->opened(this->on.fresh()).opened.request->number);
    std::ranges::reverse(numbers);
    app::ListFilter filter;
    filter.limit = 3;
    std::vector<std::int64_t> seen;
    for (int page = 0; page < 3; ++page) {
        auto answer = this->on.get(this->on.cases().list(filter, this->on.soon()));
        ASSERT_TRUE(answer) << answer.error().detail;
        for (const auto& c : answer->cases) seen.push_back(c.request->number);
        EXPECT_EQ(answer->next_before.has_value(), page < 2);
        filter.before_number = answer->next_before;
    }
    EXPECT_EQ(seen, numbers);
}

TYPED_TEST(CaseLists, PendingRequestsComeInTheOrderInWhichTheyExpire) {
    std::vector<core::RequestId> ids;
    for (auto lives : {30min, 5min, 60min, 5min}) {
        auto fresh = this->on.fresh(requires_of({asks({{1, "security"}})}));
        fresh.request.expires_at = fresh.request.created_at + lives;
        ids.push_back(this->opened(std::move(fresh)).opened.request->id);
    }
    this->appended(this->on.vote(ids[2], "U0AMY"));
    auto pending = this->on.get(this->on.cases().pending(this->on.soon())).value();
    std::vector<core::RequestId> order;
    for (const auto& one : pending) order.push_back(one.id);
    EXPECT_THAT(order, ElementsAre(ids[1], ids[3], ids[0]))
        << "of two that expire together the older one first";
    EXPECT_EQ(pending[0].expires_at, this->stored(ids[1]).request->expires_at);
    EXPECT_EQ(pending[0].number, this->stored(ids[1]).request->number);
    auto cases = this->on
                     .get(this->on.cases().read_all(
                         {ids[0], ids[2], core::RequestId{core::RequestId::Bytes{}}}, this->on.soon()))
                     .value();
    EXPECT_EQ(cases.size(), 2U);
}

TYPED_TEST(CaseLists, AListShowsWhatWasAskedFor) {
    core::RequestId approved =
        this->opened(this->on.fresh(requires_of({asks({{1, "security"}})}))).opened.request->id;
    this->appended(this->on.vote(approved, "U0AMY"));
    this->on.clock.set(this->on.clock.now() + 1min);
    auto deploy = this->on.fresh();
    deploy.request.action = "deploy.web";
    deploy.request.requester.name = "o'brien";
    deploy.request.requester.account = core::AccountId{"token:tok_other"};
    core::RequestId other = this->opened(deploy).opened.request->id;
    auto ids = [&](app::ListFilter filter) {
        std::vector<core::RequestId> found;
        auto answer = this->on.get(this->on.cases().list(std::move(filter), this->on.soon()));
        EXPECT_TRUE(answer) << answer.error().detail;
        for (const auto& c : answer->cases) found.push_back(c.request->id);
        return found;
    };
    app::ListFilter filter;
    EXPECT_THAT(ids(filter), ElementsAre(other, approved));
    filter.states = {core::State::approved, core::State::denied};
    EXPECT_THAT(ids(filter), ElementsAre(approved));
    filter = {};
    filter.action = "deploy.web";
    EXPECT_THAT(ids(filter), ElementsAre(other));
    filter = {};
    filter.requester = "o'brien";
    EXPECT_THAT(ids(filter), ElementsAre(other));
    filter = {};
    filter.asked_by = "token:tok_ci";
    EXPECT_THAT(ids(filter), ElementsAre(approved));
    filter = {};
    filter.since = this->on.clock.now();
    EXPECT_THAT(ids(filter), ElementsAre(other));
    filter = {};
    filter.until = this->on.clock.now();
    EXPECT_THAT(ids(filter), ElementsAre(approved));
}

TYPED_TEST(CaseLists, ConditionsOfAListHoldTogether) {
    auto staging = this->on.fresh();
    staging.request.environment = "staging";
    staging.request.resource = "o'rders";
    core::RequestId in_staging = this->opened(staging).opened.request->id;
    core::RequestId in_production = this->pending();
    this->appended(this->on.vote(in_staging, "U0AMY"));
    this->appended(this->on.vote(in_production, "U0AMY"));
    this->appended(this->on.vote(in_production, "U0BEN", core::Verdict::hold, "wait"));
    auto ids = [&](app::ListFilter filter) {
        std::vector<core::RequestId> found;
        auto answer = this->on.get(this->on.cases().list(std::move(filter), this->on.soon()));
        EXPECT_TRUE(answer) << answer.error().detail;
        for (const auto& c : answer->cases) found.push_back(c.request->id);
        EXPECT_FALSE(answer->next_before);
        return found;
    };
    app::ListFilter filter;
    filter.voter = core::PersonId{"amy"};
    EXPECT_THAT(ids(filter), ElementsAre(in_production, in_staging));
    filter.environment = "staging";
    EXPECT_THAT(ids(filter), ElementsAre(in_staging));
    filter.voter = core::PersonId{"ben"};
    EXPECT_THAT(ids(filter), testing::IsEmpty());
    filter = {};
    filter.voter = core::PersonId{"ben"};
    EXPECT_THAT(ids(filter), ElementsAre(in_production)) << "a hold is a vote";
    filter = {};
    filter.resource = "o'rders";
    filter.states = {core::State::pending};
    EXPECT_THAT(ids(filter), ElementsAre(in_staging));
    filter.states = {core::State::denied};
    EXPECT_THAT(ids(filter), testing::IsEmpty());
    filter = {};
    filter.environment = "production";
    filter.action = "db.export";
    filter.requester = "ci";
    filter.asked_by = "token:tok_ci";
    EXPECT_THAT(ids(filter), ElementsAre(in_production));
}

// ---- what a request is compared with

TYPED_TEST(CaseLists, TheLastApprovedOfTheSameActionAndResourceIsFound) {
    auto one = [&](const char* action, std::optional<std::string> resource) {
        auto fresh = this->on.fresh(requires_of({asks({{1, "security"}})}));
        fresh.request.action = action;
        fresh.request.resource = std::move(resource);
        return this->opened(std::move(fresh)).opened.request;
    };
    auto last = [&](const char* action, std::optional<std::string> resource,
                    std::int64_t before = INT64_MAX) -> std::int64_t {
        app::Alike alike{action, std::move(resource), before};
        auto found = this->on.get(this->on.cases().last_approved(std::move(alike), this->on.soon()));
        if (found) return found->request->number;
        EXPECT_EQ(found.error().trouble, Trouble::not_found) << found.error().detail;
        return 0;
    };
    auto first = one("deploy", "o'rders");
    EXPECT_EQ(last("deploy", "o'rders"), 0) << "it is pending";
    this->appended(this->on.vote(first->id, "U0AMY"));
    auto second = one("deploy", "o'rders");
    auto denied = one("deploy", "o'rders");
    this->appended(this->on.vote(denied->id, "U0AMY", core::Verdict::deny, "no"));
    auto without = one("deploy", std::nullopt);
    this->appended(this->on.vote(without->id, "U0AMY"));
    auto other = one("deploy.web", "o'rders");
    this->appended(this->on.vote(other->id, "U0AMY"));
    EXPECT_EQ(last("deploy", "o'rders"), first->number);
    EXPECT_EQ(last("deploy", std::nullopt), without->number);
    EXPECT_EQ(last("deploy", ""), 0);
    EXPECT_EQ(last("deploy", "users"), 0);
    this->appended(this->on.vote(second->id, "U0AMY"));
    EXPECT_EQ(last("deploy", "o'rders"), second->number);
    EXPECT_EQ(last("deploy", "o'rders", second->number), first->number) << "it is not compared with itself";
    EXPECT_EQ(last("deploy", "o'rders", first->number), 0);
    this->on.clock.set(this->on.clock.now() + 1h);
    this->appended(this->on.command(second->id, core::Tick{}));
    EXPECT_EQ(last("deploy", "o'rders"), second->number) << "a lapsed approval was one";
}

TYPED_TEST(CaseLists, NoMoreThanTheNewestAreLookedAtForTheLastApproved) {
    auto fresh = [&] {
        auto made = this->on.fresh(requires_of({asks({{1, "security"}})}));
        made.request.action = "deploy";
        made.request.resource = "orders";
        return this->opened(std::move(made)).opened.request;
    };
    auto approved = fresh();
    this->appended(this->on.vote(approved->id, "U0AMY"));
    std::int64_t number = 0;
    for (std::size_t i = 0; i < app::alike_scan_max; ++i) number = fresh()->number;
    auto found = [&](std::int64_t before) {
        return this->on.get(this->on.cases().last_approved({"deploy", "orders", before}, this->on.soon()));
    };
    EXPECT_TRUE(found(number)) << "it is among the newest below that";
    EXPECT_FALSE(found(number + 1));
}

TYPED_TEST(CaseLists, WhatIsDueComesOldestFirstAndOnlyWhileOpen) {
    core::RequestId first = this->pending();
    this->on.clock.set(this->on.clock.now() + 1min);
    core::RequestId second = this->pending();
    core::RequestId done = this->pending();
    this->appended(this->on.vote(done, "U0AMY", core::Verdict::deny, "no"));
    auto due = [&](core::Instant now, std::size_t at_most) {
        return this->on.get(this->on.cases().due(now, at_most, this->on.soon())).value();
    };
    core::Instant now = this->on.clock.now();
    EXPECT_TRUE(due(now, 10).empty());
    EXPECT_THAT(due(now + 1h, 10), ElementsAre(first, second));
    EXPECT_THAT(due(now + 1h, 1), ElementsAre(first));
    EXPECT_THAT(due(now + 59min, 10), ElementsAre(first));
}

TYPED_TEST(CaseLists, AnApprovedGrantIsDueWhenItEnds) {
    core::RequestId id =
        this->opened(this->on.fresh(requires_of({asks({{1, "security"}})}))).opened.request->id;
    auto approved = this->appended(this->on.vote(id, "U0AMY"));
    ASSERT_TRUE(approved.now->ruling.grant_ends);
    auto due = this->on.get(this->on.cases().due(*approved.now->ruling.grant_ends, 10, this->on.soon()));
    EXPECT_THAT(*due, ElementsAre(id));
    this->on.clock.set(*approved.now->ruling.grant_ends);
    auto lapsed = this->appended(this->on.command(id, core::Tick{}));
    EXPECT_EQ(lapsed.now->ruling.state, core::State::lapsed);
}

TYPED_TEST(CaseLists, VersionsAreThoseOfTheRequestsAskedFor) {
    core::RequestId voted = this->pending();
    core::RequestId fresh = this->pending();
    this->pending();
    this->appended(this->on.vote(voted, "U0AMY"));
    auto versions = this->on.get(this->on.cases().versions(
        {voted, fresh, core::RequestId{core::RequestId::Bytes{}}}, this->on.soon()));
    ASSERT_TRUE(versions);
    std::map<core::RequestId, std::int32_t> by_id(versions->begin(), versions->end());
    EXPECT_EQ(by_id, (std::map<core::RequestId, std::int32_t>{{voted, 2}, {fresh, 1}}));
}

}  // namespace
}  // namespace countersign::contract
