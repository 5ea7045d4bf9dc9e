#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "contract/cases.hpp"
#include "countersign/core/session.hpp"
#include "countersign/wire/stored.hpp"
#include "countersign/wire/stored_entry.hpp"

namespace countersign::contract {
namespace {

using core::testing::asks;
using core::testing::requires_of;
using testing::ElementsAre;

template <class Backend>
class Cases : public CaseTest<Backend> {};
TYPED_TEST_SUITE(Cases, CaseBackends);

TYPED_TEST(Cases, AnOpenedCaseReadsBackAsItWas) {
    auto fresh = this->on.fresh();
    core::Request asked = fresh.request;
    core::Applied applied = fresh.applied;
    core::Entry entry{fresh.opened};
    auto opened = this->opened(std::move(fresh));
    EXPECT_FALSE(opened.repeat);
    EXPECT_GT(opened.opened.request->number, 0);
    asked.number = opened.opened.request->number;
    core::Case expected{asked, applied, {entry}};
    EXPECT_TRUE(opened.opened == expected);
    core::Case stored = this->stored(asked.id);
    EXPECT_EQ(wire::stored_request(stored.request, nullptr), wire::stored_request(asked, nullptr));
    EXPECT_EQ(wire::stored_applied(stored.applied), wire::stored_applied(applied));
    EXPECT_EQ(wire::stored_entry(stored.entries.at(0), nullptr), wire::stored_entry(entry, nullptr));
    EXPECT_EQ(stored.request->id.text(), asked.id.text());
    EXPECT_EQ(stored.request->number, asked.number);
    EXPECT_EQ(stored.request, asked);
    EXPECT_TRUE(stored == expected);
    auto by_number = this->on.get(this->on.cases().read_number(asked.number, this->on.soon()));
    ASSERT_TRUE(by_number);
    EXPECT_TRUE(*by_number == expected);
}

TYPED_TEST(Cases, AnUnknownRequestIsNotFound) {
    core::RequestId nobody{core::RequestId::Bytes{}};
    EXPECT_EQ(this->on.get(this->on.cases().read(nobody, this->on.soon())).error().trouble,
              Trouble::not_found);
    EXPECT_EQ(this->on.get(this->on.cases().read_number(4711, this->on.soon())).error().trouble,
              Trouble::not_found);
    auto vote = this->on.vote(nobody, "U0AMY");
    EXPECT_EQ(this->on.get(this->on.cases().append(std::move(vote), this->on.soon())).error().trouble,
              Trouble::not_found);
}

TYPED_TEST(Cases, EveryKindOfEntryReadsBackAsItWas) {
    core::RequestId id = this->pending();
    this->on.clock.set(this->on.clock.now() + 1min);
    this->appended(this->on.vote(id, "U0BEN", core::Verdict::approve));
    this->appended(this->on.vote(id, "U0BEN", core::Verdict::withdraw));
    this->appended(this->on.vote(id, "U0BEN", core::Verdict::hold, "what is this?"));
    this->appended(this->on.vote(id, "U0AMY"));
    this->appended(this->on.vote(id, "U0BEN", core::Verdict::release));
    auto decided = this->appended(this->on.vote(id, "U0BEN"));
    EXPECT_EQ(decided.now->ruling.state, core::State::approved);
    core::AccountId ci{"token:tok_ci"};
    std::string digest = decided.now->c.request->digest;
    auto claimed = this->appended(this->on.command(id, core::Claim{ci, digest, "key"}));
    EXPECT_EQ(claimed.now->ruling.state, core::State::claimed)
        << (claimed.refusal ? claimed.refusal->sentence : "");
    auto reported = this->appended(this->on.command(id, core::Report{ci, true, "120000 rows"}));
    EXPECT_EQ(reported.now->ruling.state, core::State::succeeded);
    core::Case again = this->stored(id);
    EXPECT_TRUE(again == reported.now->c);
    EXPECT_EQ(again.version(), 9);

    core::RequestId other = this->pending();
    auto cancelled = this->appended(this->on.command(other, core::Cancel{ci, {}, "never mind"}));
    EXPECT_EQ(cancelled.now->ruling.state, core::State::cancelled);
    EXPECT_TRUE(this->stored(other) == cancelled.now->c);
    core::RequestId third = this->pending();
    this->on.clock.set(this->on.clock.now() + 2h);
    auto expired = this->appended(this->on.command(third, core::Tick{}));
    EXPECT_EQ(expired.now->ruling.state, core::State::expired);
    EXPECT_TRUE(this->stored(third) == expired.now->c);
}

TYPED_TEST(Cases, WhatIsToBeReviewedIsListedUntilItWasAndComesDueAfterTheEnd) {
    core::Applied applied = requires_of({asks({{1, "reviewers"}})});
    applied.self_approval = core::SelfApproval{{core::PersonId{"riley"}}, true};
    applied.self_approval->review = core::ReviewTerms{{core::GroupId{"security"}}, 24h, {"a rule"}};
    core::RequestId other = this->opened(this->on.fresh(applied)).opened.request->id;
    core::RequestId id = this->opened(this->on.fresh(applied)).opened.request->id;
    const core::Instant start = this->on.clock.now();
    auto vote = this->on.vote(id, "U0RILEY");
    std::get<core::Cast>(vote.command).overdue_reviews.emplace();
    ASSERT_EQ(this->appended(std::move(vote)).now->ruling.state, core::State::approved);
    auto listed = [&](core::Instant due_by) {
        app::ListFilter filter;
        filter.review_due_by = due_by;
        std::vector<core::RequestId> ids;
        auto page = this->on.get(this->on.cases().list(filter, this->on.soon()));
        if (page)
            for (const core::Case& c : page->cases) ids.push_back(c.request->id);
        return ids;
    };
    EXPECT_THAT(listed(core::end_of_time), ElementsAre(id));
    EXPECT_THAT(listed(start + 23h), testing::IsEmpty());
    EXPECT_THAT(listed(start + 24h), ElementsAre(id));
    auto due = [&] {
        return this->on.get(this->on.cases().due(this->on.clock.now(), 10, this->on.soon())).value();
    };
    this->on.clock.set(start + 24h);
    EXPECT_THAT(due(), testing::Contains(id));
    auto late = this->appended(this->on.command(id, core::Tick{}));
    EXPECT_EQ(late.now->ruling.state, core::State::lapsed);
    EXPECT_TRUE(late.now->ruling.review->overdue);
    EXPECT_THAT(due(), ElementsAre(other));
    EXPECT_TRUE(this->stored(id) == late.now->c);
    EXPECT_THAT(listed(this->on.clock.now()), ElementsAre(id));
    auto review = this->on.vote(id, "U0AMY", core::Verdict::review, "called for");
    review.age_max = 48h;  // nobody has read the directory again since
    auto reviewed = this->appended(std::move(review));
    EXPECT_FALSE(reviewed.refusal) << reviewed.refusal->sentence;
    EXPECT_TRUE(this->stored(id) == reviewed.now->c);
    EXPECT_THAT(listed(core::end_of_time), testing::IsEmpty());
    EXPECT_THAT(this->on.events_of(id),
                ElementsAre("request.created", "request.voted", "breakglass.used", "request.approved",
                            "request.lapsed", "breakglass.overdue", "breakglass.reviewed"));
}

TYPED_TEST(Cases, TimeRemindsAndEscalatesOnceEach) {
    core::Applied applied = requires_of({asks({{2, "security"}})});
    applied.remind = {1min, 10min};
    applied.escalate = core::Escalation{
        2min, {{core::Surface::slack, {"#sre-oncall", "#approvals"}}, {core::Surface::teams, {"19:sre"}}}};
    core::RequestId id = this->opened(this->on.fresh(applied)).opened.request->id;
    const core::Instant start = this->on.clock.now();
    auto due = [&] {
        return this->on.get(this->on.cases().due(this->on.clock.now(), 10, this->on.soon())).value();
    };
    auto tick = [&](core::Duration after) {
        this->on.clock.set(start + after);
        EXPECT_THAT(due(), ElementsAre(id));
        auto what = this->on.command(id, core::Tick{});
        what.served = {core::Surface::slack};
        auto done = this->appended(std::move(what));
        EXPECT_THAT(due(), testing::IsEmpty());
        return done;
    };
    EXPECT_THAT(due(), testing::IsEmpty());
    auto reminded = tick(1min);
    EXPECT_TRUE(reminded.leased);
    EXPECT_TRUE(tick(2min).leased);
    EXPECT_THAT(this->channels(id), testing::UnorderedElementsAre("#approvals", "#sre-oncall"))
        << "where there is a card already none is added, nor in a chat that is not served";
    EXPECT_TRUE(tick(10min).leased);
    EXPECT_EQ(this->stored(id).version(), 4);
    EXPECT_EQ(this->stored(id), this->appended(this->on.command(id, core::Tick{})).now->c);
    EXPECT_THAT(this->on.events_of(id),
                ElementsAre("request.created", "request.reminded", "request.escalated", "request.reminded"));
    // A vote is none the worse for it.
    EXPECT_EQ(this->appended(this->on.vote(id, "U0AMY")).now->c.version(), 5);
    EXPECT_EQ(this->appended(this->on.vote(id, "U0BEN")).now->ruling.state, core::State::approved);
}

TYPED_TEST(Cases, AnEscalationIsToldWhereTheRequestWasShownNowhere) {
    core::Applied applied = requires_of({asks({{2, "security"}})});
    applied.escalate = core::Escalation{2min, {{core::Surface::slack, {"#sre-oncall"}}}};
    core::RequestId id = this->opened(this->on.fresh(applied, {})).opened.request->id;
    this->on.clock.set(this->on.clock.now() + 2min);
    auto what = this->on.command(id, core::Tick{});
    what.served = {core::Surface::slack};
    EXPECT_TRUE(this->appended(std::move(what)).leased);
    auto cards = this->on.get(this->on.outbox().cards_of(id, this->on.soon())).value();
    ASSERT_EQ(cards.size(), 1U);
    EXPECT_EQ(cards[0].target.channel, "#sre-oncall");
    EXPECT_EQ(cards[0].told_version, 1) << "its thread is yet to tell of the escalation";
}

TYPED_TEST(Cases, AVoteIsOneEntryWithItsEvents) {
    core::RequestId id = this->pending();
    this->on.clock.set(this->on.clock.now() + 1s);
    auto first = this->appended(this->on.vote(id, "U0AMY"));
    EXPECT_FALSE(first.repeat);
    EXPECT_EQ(first.first_new, 1U);
    EXPECT_EQ(first.now->c.version(), 2);
    EXPECT_EQ(first.now->ruling.state, core::State::pending);
    this->on.clock.set(this->on.clock.now() + 1s);
    auto second = this->appended(this->on.vote(id, "U0BEN"));
    EXPECT_EQ(second.now->ruling.state, core::State::approved);
    EXPECT_THAT(this->on.events_of(id),
                ElementsAre("request.created", "request.voted", "request.voted", "request.approved"));
}

TYPED_TEST(Cases, AnApprovalOfOnesOwnRequestIsAnEventBesideTheVote) {
    core::Applied applied = requires_of({asks({{1, "reviewers"}})});
    applied.self_approval = core::SelfApproval{{core::PersonId{"riley"}}, true};
    core::RequestId id = this->opened(this->on.fresh(applied)).opened.request->id;
    auto own = this->appended(this->on.vote(id, "U0RILEY"));
    EXPECT_FALSE(own.refusal) << own.refusal->sentence;
    EXPECT_EQ(own.now->ruling.state, core::State::approved);
    EXPECT_TRUE(own.now->ruling.votes.at(0).self_approval);
    EXPECT_TRUE(this->stored(id) == own.now->c);
    EXPECT_THAT(this->on.events_of(id),
                ElementsAre("request.created", "request.voted", "breakglass.used", "request.approved"));
}

TYPED_TEST(Cases, ARequestJudgedAgainKeepsTheApprovalOfItsOwnPeople) {
    core::Applied applied = requires_of({asks({{2, "reviewers"}})});
    applied.self_approval = core::SelfApproval{{core::PersonId{"riley"}}, false};
    core::RequestId id = this->opened(this->on.fresh(applied)).opened.request->id;
    this->appended(this->on.vote(id, "U0RILEY"));
    this->on.company.links = {{core::testing::slack("U0DAN"), core::PersonId{"riley"}}};
    this->on.directory = std::make_shared<const core::Directory>(this->on.company.directory());
    auto judged = this->appended(this->on.command(id, core::Rejudge{}));
    EXPECT_EQ(judged.now->c.version(), 3);
    EXPECT_TRUE(judged.now->ruling.votes.at(0).counted_for.has_value());
    auto last = this->appended(this->on.vote(id, "U0AMY"));
    EXPECT_EQ(last.now->ruling.state, core::State::approved);
    EXPECT_TRUE(this->stored(id) == last.now->c);
}

TYPED_TEST(Cases, AsManyDenialsAsTheRuleSaysEndIt) {
    core::Applied applied = requires_of({asks({{2, "reviewers"}})});
    applied.deny = {false, {{2, core::GroupId{"security"}}}};
    applied.release = {core::GroupId{"security"}};
    core::RequestId id = this->opened(this->on.fresh(applied)).opened.request->id;
    this->appended(this->on.vote(id, "U0CAT", core::Verdict::hold));
    EXPECT_EQ(this->appended(this->on.vote(id, "U0AMY", core::Verdict::deny)).now->ruling.state,
              core::State::pending);
    EXPECT_FALSE(this->appended(this->on.vote(id, "U0AMY", core::Verdict::release)).now->ruling.held);
    auto last = this->appended(this->on.vote(id, "U0BEN", core::Verdict::deny));
    EXPECT_EQ(last.now->ruling.state, core::State::denied);
    EXPECT_TRUE(this->stored(id) == last.now->c);
    EXPECT_THAT(this->on.events_of(id), ElementsAre("request.created", "request.held", "request.voted",
                                                    "request.released", "request.voted", "request.denied"));
}

TYPED_TEST(Cases, AnOriginSeenBeforeChangesNothing) {
    core::RequestId id = this->pending();
    auto vote = this->on.vote(id, "U0AMY");
    auto once = this->appended(vote);
    auto twice = this->appended(vote);
    EXPECT_TRUE(twice.repeat);
    EXPECT_TRUE(twice.now->c == once.now->c);
    EXPECT_EQ(twice.first_new, twice.now->c.entries.size());
    EXPECT_TRUE(twice.leased) << "the answer may have been lost: what is still to do is handed out again";
    EXPECT_EQ(this->stored(id).version(), 2);
}

TYPED_TEST(Cases, TheSameOriginOnAnotherRequestIsAnotherAct) {
    auto vote = this->on.vote(this->pending(), "U0AMY");
    this->appended(vote);
    vote.request = this->pending();
    EXPECT_FALSE(this->appended(vote).repeat);
}

TYPED_TEST(Cases, ARefusedVoteIsOneEventPerPersonAndReasonAndNeverAnEntry) {
    core::RequestId id = this->pending();
    this->on.clock.set(this->on.clock.now() + 1s);
    auto own = this->appended(this->on.vote(id, "U0RILEY"));
    ASSERT_TRUE(own.refusal);
    EXPECT_EQ(own.refusal->why, core::Why::self_approval);
    EXPECT_EQ(own.now->c.version(), 1);
    for (int i = 0; i < 3; ++i) this->appended(this->on.vote(id, "U0RILEY"));
    this->on.clock.set(this->on.clock.now() + 1s);
    this->appended(this->on.vote(id, "U0GUEST"));
    EXPECT_EQ(this->stored(id).version(), 1);
    EXPECT_THAT(this->on.events_of(id),
                ElementsAre("request.created", "request.vote_refused", "request.vote_refused"));
}

TYPED_TEST(Cases, ARepeatedVoteIsNoEvent) {
    core::RequestId id = this->pending();
    this->on.clock.set(this->on.clock.now() + 1s);
    this->appended(this->on.vote(id, "U0AMY"));
    auto again = this->appended(this->on.vote(id, "U0AMY"));
    ASSERT_TRUE(again.refusal);
    EXPECT_EQ(again.refusal->why, core::Why::repeated);
    EXPECT_THAT(this->on.events_of(id), ElementsAre("request.created", "request.voted"));
}

TYPED_TEST(Cases, AVoteThatComesTooLateIsRefusedEveryTimeItComes) {
    core::RequestId id = this->pending();
    this->on.clock.set(this->on.clock.now() + 2h);
    auto late = this->on.vote(id, "U0AMY");
    auto once = this->appended(late);
    EXPECT_EQ(once.now->ruling.state, core::State::expired);
    EXPECT_EQ(once.now->c.version(), 2);
    ASSERT_TRUE(once.refusal);
    auto twice = this->appended(late);
    EXPECT_TRUE(twice.refusal);
    EXPECT_FALSE(twice.repeat);
    EXPECT_EQ(twice.now->c.version(), 2);
}

TYPED_TEST(Cases, AnEntryIsNeverEarlierThanTheOneBefore) {
    core::RequestId id = this->pending();
    core::Instant opened = this->on.clock.now();
    this->on.clock.set(opened - 10min);
    auto vote = this->appended(this->on.vote(id, "U0AMY"));
    EXPECT_EQ(at_of(vote.now->c.entries.back()), opened);
}

TYPED_TEST(Cases, ManyVotesAtOnceOnOneRequestAreAllRecordedInSomeOrder) {
    for (int i = 0; i < 40; ++i) {
        this->on.company.user("U" + std::to_string(i), core::AccountClass::member);
    }
    std::vector<std::string> ids;
    for (int i = 0; i < 40; ++i) ids.push_back("U" + std::to_string(i));
    std::ranges::sort(ids);
    this->on.company.usergroup("S0SEC", ids);
    this->on.directory = std::make_shared<const core::Directory>(this->on.company.directory());
    core::RequestId id =
        this->opened(this->on.fresh(requires_of({asks({{40, "security"}})}))).opened.request->id;
    std::vector<Later<app::Appended>> votes;
    for (const auto& user : ids)
        votes.push_back(this->on.cases().append(this->on.vote(id, user), this->on.soon()));
    std::set<std::size_t> places;
    for (auto& answer : this->on.all(std::move(votes))) {
        ASSERT_TRUE(answer) << answer.error().detail;
        EXPECT_FALSE(answer->refusal);
        places.insert(answer->first_new);
    }
    EXPECT_EQ(places.size(), 40U);
    core::Case c = this->stored(id);
    EXPECT_EQ(c.version(), 41);
    EXPECT_EQ(core::decide(c).state, core::State::approved);
}

TYPED_TEST(Cases, ManyRequestsAtOnceEachGetTheirOwnVotes) {
    std::vector<core::RequestId> ids;
    for (int i = 0; i < 50; ++i) ids.push_back(this->pending());
    std::vector<Later<app::Appended>> votes;
    for (const auto& id : ids) {
        for (const char* user : {"U0AMY", "U0RILEY", "U0BEN"}) {
            votes.push_back(this->on.cases().append(this->on.vote(id, user), this->on.soon()));
        }
    }
    std::size_t refused = 0;
    for (auto& answer : this->on.all(std::move(votes))) {
        ASSERT_TRUE(answer) << answer.error().detail;
        if (answer->refusal) ++refused;
    }
    EXPECT_EQ(refused, 50U);
    for (const auto& id : ids) EXPECT_EQ(core::decide(this->stored(id)).state, core::State::approved);
}

TYPED_TEST(Cases, WhatPolicyAllowsOrRefusesIsDecidedWhenOpened) {
    core::Applied allow;
    allow.kind = core::Applied::Kind::allow;
    auto free = this->opened(this->on.fresh(allow, {}));
    EXPECT_EQ(core::decide(free.opened).state, core::State::approved);
    EXPECT_THAT(this->on.events_of(free.opened.request->id),
                ElementsAre("request.created", "request.approved"));
    core::Applied refuse;
    refuse.refusal = "never";
    auto refused = this->opened(this->on.fresh(refuse, {}));
    EXPECT_THAT(this->on.events_of(refused.opened.request->id),
                ElementsAre("request.created", "request.refused"));
}

// ---- idempotency

TYPED_TEST(Cases, TheSameKeyAndBodyIsTheSameRequest) {
    auto fresh = this->on.fresh();
    fresh.idempotency = this->key("k1");
    auto once = this->opened(fresh);
    auto other = this->on.fresh();
    other.idempotency = this->key("k1");
    auto twice = this->opened(other);
    EXPECT_TRUE(twice.repeat);
    EXPECT_TRUE(twice.opened == once.opened);
    EXPECT_TRUE(twice.leased) << "the answer may have been lost: what is still to do is handed out again";
    other.lease = this->on.lease_of_another();
    EXPECT_FALSE(this->opened(other).leased) << "whoever holds it keeps it";
}

TYPED_TEST(Cases, TheSameKeyWithAnotherBodyIsAConflict) {
    auto fresh = this->on.fresh();
    fresh.idempotency = this->key("k1");
    this->opened(fresh);
    auto other = this->on.fresh();
    other.idempotency = this->key("k1", "another body");
    auto answer = this->on.get(this->on.cases().open(other, this->on.soon()));
    ASSERT_FALSE(answer);
    EXPECT_EQ(answer.error().trouble, Trouble::conflict);
    EXPECT_EQ(answer.error().code, "idempotency_mismatch");
}

TYPED_TEST(Cases, AKeyIsForgottenAfterADay) {
    auto fresh = this->on.fresh();
    fresh.idempotency = this->key("k1");
    auto once = this->opened(fresh);
    this->on.clock.set(this->on.clock.now() + 25h);
    auto other = this->on.fresh();
    other.idempotency = this->key("k1", "another body");
    auto later = this->opened(other);
    EXPECT_FALSE(later.repeat);
    EXPECT_NE(later.opened.request->id, once.opened.request->id);
}

TYPED_TEST(Cases, TheSameKeyManyTimesAtOnceIsOneRequest) {
    std::vector<Later<app::OpenedCase>> opens;
    for (int i = 0; i < 12; ++i) {
        auto fresh = this->on.fresh();
        fresh.idempotency = this->key("k1");
        opens.push_back(this->on.cases().open(std::move(fresh), this->on.soon()));
    }
    std::set<core::RequestId> ids;
    std::size_t first = 0;
    for (auto& answer : this->on.all(std::move(opens))) {
        ASSERT_TRUE(answer) << answer.error().detail;
        ids.insert(answer->opened.request->id);
        if (!answer->repeat) ++first;
    }
    EXPECT_EQ(ids.size(), 1U);
    EXPECT_EQ(first, 1U);
}

// A session, and what it covers: one transaction, so that there is never the one without the other.
template <class Backend>
class Sessions : public CaseTest<Backend> {
  protected:
    core::Applied grants() {
        core::Applied applied = requires_of({asks({{1, "security"}})});
        applied.session = core::SessionTerms{"parameters.minutes", 1h, 2};
        return applied;
    }
    app::NewCase asking(std::optional<core::Value> parameters) {
        auto fresh = this->on.fresh(grants());
        fresh.request.parameters = std::move(parameters);
        fresh.request.digest = core::digest_of(fresh.request);
        return fresh;
    }
    core::RequestId approved_session() {
        auto id = this->opened(asking(core::Value::object({{"minutes", 30}}))).opened.request->id;
        auto approved = this->appended(this->on.vote(id, "U0AMY"));
        EXPECT_EQ(approved.now->ruling.state, core::State::approved);
        return id;
    }
    app::Append use(core::RequestId session, std::optional<app::Idempotency> key = {}) {
        auto fresh = asking(std::nullopt);
        fresh.opened.session = session;
        const core::Entry first{fresh.opened};
        fresh.ruling = core::decide(fresh.request, fresh.applied, std::span(&first, 1));
        fresh.cards.clear();
        fresh.idempotency = std::move(key);
        auto what = this->on.command(session, core::Use{fresh.request, fresh.applied});
        what.origin = app::Origin{"use:" + fresh.request.id.text()};
        what.opens = std::make_shared<const app::NewCase>(std::move(fresh));
        return what;
    }
};
TYPED_TEST_SUITE(Sessions, CaseBackends);

TYPED_TEST(Sessions, AUseAndWhatItCoversAreWrittenTogether) {
    auto session = this->approved_session();
    auto used = this->appended(this->use(session));
    ASSERT_FALSE(used.refusal) << used.refusal->sentence;
    ASSERT_NE(used.opened, nullptr);
    EXPECT_EQ(used.opened->ruling.state, core::State::approved);
    auto covered = this->stored(used.opened->opened.request->id);
    EXPECT_TRUE(covered == used.opened->opened);
    EXPECT_EQ(core::decide(covered).state, core::State::approved);
    EXPECT_EQ(core::uses_of(this->stored(session)), 1U);
    auto claimed = this->appended(this->on.command(
        covered.request->id, core::Claim{core::AccountId{"token:tok_ci"}, covered.request->digest, {}}));
    EXPECT_EQ(claimed.now->ruling.state, core::State::claimed);
}

TYPED_TEST(Sessions, WhatItDoesNotCoverIsNotOpened) {
    auto session = this->approved_session();
    for (int i = 0; i < 2; ++i) EXPECT_FALSE(this->appended(this->use(session)).refusal);
    auto third = this->use(session);
    auto id = third.opens->request.id;
    auto over = this->appended(std::move(third));
    EXPECT_TRUE(over.refusal);
    EXPECT_EQ(over.opened, nullptr);
    EXPECT_EQ(this->on.get(this->on.cases().read(id, this->on.soon())).error().trouble, Trouble::not_found);
    EXPECT_EQ(this->stored(session).version(), 5);
}

TYPED_TEST(Sessions, AKeyThatIsTakenUsesNothingUp) {
    auto session = this->approved_session();
    EXPECT_FALSE(this->appended(this->use(session, this->key("once"))).refusal);
    auto again = this->use(session, this->key("once"));
    auto refused = this->on.get(this->on.cases().append(std::move(again), this->on.soon()));
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, app::key_taken);
    EXPECT_EQ(core::uses_of(this->stored(session)), 1U);
}

}  // namespace
}  // namespace countersign::contract
