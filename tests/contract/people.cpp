#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "contract/world.hpp"

// Persons, their accounts and the codes that link them, on the fake and on PostgreSQL.
namespace countersign::contract {
namespace {

using app::LinkOffer;
using core::AccountId;
using core::testing::slack;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;
using testing::UnorderedElementsAre;

template <class Backend>
class PeopleContract : public testing::Test {
  protected:
    Backend on;
    const AccountId dan = slack("U0DAN");
    const AccountId riley = slack("U0RILEY");
    const AccountId octo{"github:octo"};

    app::AdminEvent event(app::AdminAct act = app::AdminAct::person_linked) {
        return app::admin_event(act, "", core::Value::object({{"by", "a test"}}), on.clock.now(),
                                *on.entropy);
    }
    app::StoredPersonId fresh() { return app::StoredPersonId::mint(on.clock.now(), rt::chance(*on.entropy)); }
    Result<app::Linked> link(AccountId one, AccountId other, bool merge = false) {
        return on.get(on.people().link({.one = std::move(one),
                                        .other = std::move(other),
                                        .way = app::LinkWay::administrator,
                                        .merge = merge,
                                        .fresh = fresh(),
                                        .event = event()},
                                       on.soon()));
    }
    Result<app::StoredPersonId> unlink(AccountId account) {
        return on.get(on.people().unlink(
            {.account = std::move(account), .event = event(app::AdminAct::person_unlinked)}, on.soon()));
    }
    app::PeopleNews news() {
        auto read = on.get(on.people().read(std::nullopt, on.soon()));
        EXPECT_TRUE(read && *read);
        return **read;
    }
    std::vector<std::string> links() {
        std::vector<std::string> found;
        for (const auto& one : app::links_of(news().accounts))
            found.push_back(one.account.text() + " " + one.person.text() + (one.ended ? " ended" : ""));
        return found;
    }
    app::LinkCode ask(const AccountId& asker) {
        auto code = app::mint_link_code(*on.entropy);
        auto id = app::LinkOfferId::mint(on.clock.now(), rt::chance(*on.entropy));
        auto asked = on.get(on.link_codes().ask({.id = id,
                                                 .selector = code.selector,
                                                 .hash = app::link_code_hash(id, code.secret),
                                                 .asker = asker,
                                                 .now = on.clock.now()},
                                                on.soon()));
        EXPECT_TRUE(asked) << asked.error().detail;
        return code;
    }
    Result<LinkOffer> give(const app::LinkCode& code, const AccountId& giver) {
        return on.get(on.link_codes().give({.code = code, .giver = giver, .now = on.clock.now()}, on.soon()));
    }
    Result<LinkOffer> answer(const LinkOffer& offer, const AccountId& account, bool agrees = true) {
        return on.get(on.link_codes().answer(
            {.offer = offer.id, .account = account, .agrees = agrees, .fresh = fresh(), .event = event()},
            on.soon()));
    }
    void later(core::Duration d) { on.clock.set(on.clock.now() + d); }
    static std::string code_of(const auto& result) { return result ? "" : result.error().code; }
};

using Backends = testing::Types<InMemory, OnPostgres>;
TYPED_TEST_SUITE(PeopleContract, Backends);

TYPED_TEST(PeopleContract, LinkedAccountsAreOnePersonsAndItIsAnEvent) {
    auto linked = this->link(this->riley, this->octo);
    ASSERT_TRUE(linked) << linked.error().detail;
    EXPECT_TRUE(linked->changed);
    auto again = this->link(this->octo, this->riley);
    ASSERT_TRUE(again);
    EXPECT_FALSE(again->changed);
    EXPECT_EQ(again->person, linked->person);
    ASSERT_TRUE(this->link(this->dan, this->octo));
    EXPECT_THAT(this->links(), UnorderedElementsAre("github:octo slack:T0SIM/U0RILEY",
                                                    "slack:T0SIM/U0DAN slack:T0SIM/U0RILEY"));
    EXPECT_THAT(this->on.people_events(), ElementsAre("person.linked", "person.linked"));
}

TYPED_TEST(PeopleContract, NothingNewIsSaidToBeSo) {
    ASSERT_TRUE(this->link(this->riley, this->octo));
    auto version = this->news().version;
    auto same = this->on.get(this->on.people().read(version, this->on.soon()));
    ASSERT_TRUE(same);
    EXPECT_FALSE(*same);
    ASSERT_TRUE(this->unlink(this->octo));
    EXPECT_GT(this->news().version, version);
}

TYPED_TEST(PeopleContract, TwoPersonsBecomeOneOnlyWhenTheyAreMerged) {
    auto first = this->link(this->riley, this->octo);
    this->later(1s);
    ASSERT_TRUE(this->link(this->dan, AccountId{"email:dan@example.com"}));
    EXPECT_EQ(this->code_of(this->link(this->dan, this->octo)), "two_persons");
    auto merged = this->link(this->dan, this->octo, true);
    ASSERT_TRUE(merged) << merged.error().detail;
    EXPECT_EQ(merged->person, first->person);
    for (const auto& one : this->news().accounts) EXPECT_EQ(one.person, first->person);
    EXPECT_THAT(this->links(), SizeIs(3));
}

TYPED_TEST(PeopleContract, AnUnlinkedAccountIsRememberedAsSuchAndMayBeLinkedAgain) {
    ASSERT_TRUE(this->link(this->riley, this->octo));
    this->later(1min);
    auto gone = this->unlink(this->octo);
    ASSERT_TRUE(gone) << gone.error().detail;
    EXPECT_THAT(this->links(), ElementsAre("github:octo slack:T0SIM/U0RILEY ended"));
    auto none = this->unlink(this->octo);
    ASSERT_FALSE(none);
    EXPECT_EQ(none.error().trouble, Trouble::not_found);
    EXPECT_THAT(this->on.people_events(), ElementsAre("person.linked", "person.unlinked"));
    ASSERT_TRUE(this->link(this->dan, this->octo));
    EXPECT_THAT(this->links(), UnorderedElementsAre("github:octo slack:T0SIM/U0RILEY ended",
                                                    "github:octo slack:T0SIM/U0DAN"));
}

TYPED_TEST(PeopleContract, BothSidesAgreeBeforeACodeLinks) {
    auto offer = this->give(this->ask(this->riley), this->dan);
    ASSERT_TRUE(offer) << offer.error().detail;
    EXPECT_EQ(offer->asker, this->riley);
    EXPECT_EQ(offer->giver, this->dan);
    auto half = this->answer(*offer, this->dan);
    ASSERT_TRUE(half) << half.error().detail;
    EXPECT_EQ(half->state, LinkOffer::State::waiting);
    auto twice = this->answer(*offer, this->dan);
    ASSERT_TRUE(twice);
    EXPECT_EQ(twice->state, LinkOffer::State::waiting) << "one side cannot agree for both";
    EXPECT_THAT(this->links(), IsEmpty());
    auto whole = this->answer(*offer, this->riley);
    ASSERT_TRUE(whole) << whole.error().detail;
    EXPECT_EQ(whole->state, LinkOffer::State::linked);
    EXPECT_THAT(this->links(), ElementsAre("slack:T0SIM/U0DAN slack:T0SIM/U0RILEY"));
    EXPECT_EQ(this->news().accounts[0].way, app::LinkWay::code);
    EXPECT_THAT(this->on.people_events(), ElementsAre("person.linked"));
    EXPECT_EQ(this->answer(*offer, this->riley, false)->state, LinkOffer::State::linked)
        << "too late to decline";
}

TYPED_TEST(PeopleContract, OneSideDecliningEndsTheOffer) {
    auto offer = this->give(this->ask(this->riley), this->dan);
    ASSERT_TRUE(this->answer(*offer, this->dan));
    EXPECT_EQ(this->answer(*offer, this->riley, false)->state, LinkOffer::State::declined);
    EXPECT_EQ(this->answer(*offer, this->riley)->state, LinkOffer::State::declined);
    EXPECT_THAT(this->links(), IsEmpty());
    EXPECT_THAT(this->on.people_events(), IsEmpty());
}

TYPED_TEST(PeopleContract, NobodyElseAnswersAnOffer) {
    auto offer = this->give(this->ask(this->riley), this->dan);
    auto stranger = this->answer(*offer, slack("U0AMY"));
    ASSERT_FALSE(stranger);
    EXPECT_EQ(stranger.error().trouble, Trouble::forbidden);
    auto made_up = *offer;
    made_up.id = app::LinkOfferId::mint(this->on.clock.now(), rt::chance(*this->on.entropy));
    EXPECT_EQ(this->answer(made_up, this->dan).error().trouble, Trouble::not_found);
}

TYPED_TEST(PeopleContract, ACodeIsGoodForOneAccountAndNotForItsOwn) {
    auto code = this->ask(this->riley);
    EXPECT_EQ(this->code_of(this->give(code, this->riley)), "own_code");
    auto offer = this->give(code, this->dan);
    ASSERT_TRUE(offer);
    auto again = this->give(code, this->dan);
    ASSERT_TRUE(again) << "the same account again, after an answer that was lost";
    EXPECT_EQ(again->id, offer->id);
    EXPECT_EQ(this->code_of(this->give(code, slack("U0AMY"))), "wrong_code");
}

TYPED_TEST(PeopleContract, ACodeLivesTenMinutesAndAnOfferTenMore) {
    auto late = this->ask(this->riley);
    this->later(app::link_code_life);
    EXPECT_EQ(this->code_of(this->give(late, this->dan)), "wrong_code");
    auto offer = this->give(this->ask(this->riley), this->dan);
    ASSERT_TRUE(offer);
    ASSERT_TRUE(this->answer(*offer, this->dan));
    this->later(app::link_code_life);
    EXPECT_EQ(this->answer(*offer, this->riley).error().trouble, Trouble::not_found);
    EXPECT_THAT(this->links(), IsEmpty());
}

TYPED_TEST(PeopleContract, ANewCodeReplacesTheOneBefore) {
    auto first = this->ask(this->riley);
    auto second = this->ask(this->riley);
    EXPECT_EQ(this->code_of(this->give(first, this->dan)), "wrong_code");
    EXPECT_TRUE(this->give(second, this->dan));
}

TYPED_TEST(PeopleContract, AnAccountHasFiveWrongTriesInTenMinutes) {
    auto code = this->ask(this->riley);
    for (int i = 0; i < app::link_tries_max; ++i)
        EXPECT_EQ(this->code_of(this->give(app::mint_link_code(*this->on.entropy), this->dan)), "wrong_code");
    EXPECT_EQ(this->code_of(this->give(code, this->dan)), "too_many_tries");
    EXPECT_TRUE(this->give(code, slack("U0AMY"))) << "only that account";
    this->later(app::link_code_life);
    EXPECT_TRUE(this->give(this->ask(this->riley), this->dan));
}

TYPED_TEST(PeopleContract, ACodeSurvivesFourWrongSecretsAndNotFive) {
    auto guess = [&](const app::LinkCode& code, int times) {
        for (int i = 0; i < times; ++i) {
            app::LinkCode wrong{code.selector, app::mint_link_code(*this->on.entropy).secret};
            EXPECT_EQ(this->code_of(this->give(wrong, slack("U0GUESS" + std::to_string(i)))), "wrong_code");
        }
    };
    auto code = this->ask(this->riley);
    guess(code, app::link_tries_max - 1);
    EXPECT_TRUE(this->give(code, this->dan));
    auto other = this->ask(this->riley);
    guess(other, app::link_tries_max);
    EXPECT_EQ(this->code_of(this->give(other, slack("U0AMY"))), "wrong_code");
}

TYPED_TEST(PeopleContract, AbsencesAreReplacedAndEnd) {
    auto now = this->on.clock.now();
    auto set = [&](core::Absence absence) {
        EXPECT_TRUE(this->on.get(
            this->on.people().set_absence(std::move(absence), this->on.clock.now(), this->on.soon())));
    };
    set({slack("U0AMY"), now + 24h, slack("U0BEN")});
    set({slack("U0AMY"), now + 48h, std::nullopt});
    EXPECT_THAT(this->news().absences, ElementsAre(core::Absence{slack("U0AMY"), now + 48h, std::nullopt}));
    set({slack("U0AMY"), now, std::nullopt});
    EXPECT_THAT(this->news().absences, IsEmpty());
}

// ---- what links do to open requests

TYPED_TEST(PeopleContract, ARequestJudgedAgainKeepsWhoIsBehindIt) {
    auto opened = this->on.get(this->on.cases().open(this->on.fresh(), this->on.soon()));
    ASSERT_TRUE(opened);
    auto id = opened->opened.request->id;
    ASSERT_TRUE(this->on.get(this->on.cases().append(this->on.vote(id, "U0AMY"), this->on.soon())));
    // Nothing has changed: nothing is written.
    auto same = this->on.get(this->on.cases().append(this->on.command(id, core::Rejudge{}), this->on.soon()));
    ASSERT_TRUE(same) << same.error().detail;
    EXPECT_EQ(same->now->c.version(), 2);
    this->on.company.links = {{slack("U0AMY"), core::PersonId{"riley"}}};
    this->on.directory = std::make_shared<const core::Directory>(this->on.company.directory());
    auto judged =
        this->on.get(this->on.cases().append(this->on.command(id, core::Rejudge{}), this->on.soon()));
    ASSERT_TRUE(judged) << judged.error().detail;
    EXPECT_EQ(judged->now->ruling.state, core::State::refused) << "amy was one of the two who could";
    auto stored = this->on.get(this->on.cases().read(id, this->on.soon()));
    ASSERT_TRUE(stored);
    EXPECT_EQ(*stored, judged->now->c);
    EXPECT_TRUE(std::holds_alternative<core::Rejudged>(stored->entries.at(2)));
    EXPECT_THAT(this->on.events_of(id),
                ElementsAre("request.created", "request.voted", "request.rejudged", "request.refused"));
}

}  // namespace
}  // namespace countersign::contract
