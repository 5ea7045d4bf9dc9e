#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "contract/world.hpp"
#include "countersign/wire/leaves.hpp"

namespace countersign::contract {
namespace {

using testing::ElementsAre;

template <class Backend>
class Events : public testing::Test {
  protected:
    Backend on;

    app::AdminEvent created(const std::string& name) {
        return app::admin_event(app::AdminAct::token_created, "tok_1",
                                core::Value::object({{"name", name}, {"by", "email:riley@example.com"}}),
                                on.clock.now(), *on.entropy);
    }
    void record(const app::AdminEvent& event) {
        auto recorded = on.get(on.log().record(event, on.soon()));
        ASSERT_TRUE(recorded) << recorded.error().detail;
    }
    core::RequestId opened(app::NewCase fresh) {
        return on.get(on.cases().open(std::move(fresh), on.soon())).value().opened.request->id;
    }
    app::Appended vote(core::RequestId request, const std::string& user,
                       core::Verdict verdict = core::Verdict::approve) {
        return on.get(on.cases().append(on.vote(request, user, verdict), on.soon())).value();
    }
    std::int64_t sequenced() {
        auto done = on.get(on.log().sequence(std::nullopt, on.soon()));
        EXPECT_TRUE(done) << done.error().detail;
        return done->size;
    }
    app::LogPage page(std::int64_t after, app::EventFilter filter = {}, std::size_t at_most = 200) {
        auto read = on.get(on.log().read(after, std::move(filter), at_most, on.soon()));
        EXPECT_TRUE(read) << read.error().detail;
        return std::move(read).value();
    }
    // "0 request.created 1, …": index, type and version.
    static std::vector<std::string> told(const app::LogPage& page) {
        std::vector<std::string> lines;
        for (const auto& event : page.events)
            lines.push_back(std::to_string(event.index) + " " + event.type + " " +
                            std::to_string(event.version));
        return lines;
    }
};

using Backends = testing::Types<InMemory, OnPostgres>;
TYPED_TEST_SUITE(Events, Backends);

TYPED_TEST(Events, AnAdministrativeActIsRecordedOnceHoweverOftenItIsSent) {
    auto event = this->created("it's \"ci\"");
    this->record(event);
    this->record(event);
    this->record(this->created("other"));
    EXPECT_THAT(this->on.acts(), ElementsAre("token.created", "token.created"));
}

TYPED_TEST(Events, HaveNoPlaceBeforeTheyAreSequencedAndThenTheNextOnes) {
    auto id = this->opened(this->on.fresh());
    EXPECT_TRUE(this->page(-1).events.empty());
    EXPECT_EQ(this->page(-1).size, 0);
    EXPECT_EQ(this->page(-1).through, -1);
    EXPECT_EQ(this->sequenced(), 1);
    EXPECT_EQ(this->sequenced(), 1);
    this->vote(id, "U0AMY");
    this->vote(id, "U0BEN");
    this->record(this->created("ci"));
    EXPECT_EQ(this->sequenced(), 5);
    auto all = this->page(-1);
    EXPECT_EQ(all.size, 5);
    EXPECT_EQ(all.through, 4);
    ASSERT_EQ(all.events.size(), 5U);
    std::vector<std::string> of_the_request;
    for (const auto& event : all.events) {
        if (event.request) of_the_request.push_back(event.type + " " + std::to_string(event.version));
    }
    EXPECT_THAT(of_the_request,
                ElementsAre("request.created 1", "request.voted 2", "request.voted 3", "request.approved 3"));
    EXPECT_THAT(this->told(this->page(2)), ElementsAre(this->told(all)[3], this->told(all)[4]));
    EXPECT_TRUE(this->page(4).events.empty());
    EXPECT_TRUE(this->page(1'000'000).events.empty());
}

TYPED_TEST(Events, CarryTheirRequestAndItsStateThen) {
    auto id = this->opened(this->on.fresh());
    this->vote(id, "U0AMY");
    this->vote(id, "U0BEN");
    this->sequenced();
    auto all = this->page(-1).events;
    ASSERT_EQ(all.size(), 4U);
    EXPECT_EQ(all[1].state, core::State::pending);
    EXPECT_EQ(all[3].state, core::State::approved);
    ASSERT_TRUE(all[0].request && all[3].request);
    EXPECT_EQ(all[0].request->request->id, id);
    EXPECT_GE(all[0].request->version(), all[0].version);
    EXPECT_EQ(all[3].request->version(), 3);
    EXPECT_EQ(all[0].at, this->on.clock.now());
}

TYPED_TEST(Events, OfAnActCarryItsFacts) {
    auto act = this->created("it's \"ci\"");
    this->record(act);
    this->sequenced();
    auto events = this->page(-1).events;
    ASSERT_EQ(events.size(), 1U);
    EXPECT_EQ(events[0].id, act.id);
    EXPECT_EQ(events[0].type, "token.created");
    EXPECT_EQ(events[0].subject, "tok_1");
    EXPECT_EQ(events[0].request, nullptr);
    ASSERT_TRUE(events[0].facts);
    EXPECT_EQ(core::canonical(*events[0].facts), core::canonical(act.facts));
}

TYPED_TEST(Events, AreFilteredByWhatTheyAreAbout) {
    auto fresh = this->on.fresh();
    fresh.request.requester.name = "o'brien";
    auto denied = this->opened(std::move(fresh));
    fresh = this->on.fresh();
    fresh.request.action = "deploy.web";
    fresh.request.environment = "elsewhere";
    fresh.request.resource = "web/1";
    auto other = this->opened(std::move(fresh));
    this->on.clock.set(this->on.clock.now() + 1min);
    this->vote(denied, "U0AMY", core::Verdict::deny);
    this->record(this->created("ci"));
    this->sequenced();
    auto types = [&](app::EventFilter filter) {
        std::vector<std::string> all;
        auto page = this->page(-1, std::move(filter));
        EXPECT_EQ(page.through, page.size - 1);
        for (const auto& event : page.events) all.push_back(event.type);
        return all;
    };
    EXPECT_THAT(types({.types = {"token.created", "request.denied"}}),
                testing::UnorderedElementsAre("request.denied", "token.created"));
    EXPECT_THAT(types({.states = {core::State::denied}}), ElementsAre("request.voted", "request.denied"));
    EXPECT_THAT(types({.request = other}), ElementsAre("request.created"));
    EXPECT_THAT(types({.action = "deploy.web"}), ElementsAre("request.created"));
    EXPECT_THAT(types({.requester = "o'brien"}),
                ElementsAre("request.created", "request.voted", "request.denied"));
    EXPECT_THAT(types({.environment = "elsewhere"}), ElementsAre("request.created"));
    EXPECT_THAT(types({.resource = "web/1"}), ElementsAre("request.created"));
    EXPECT_TRUE(types({.action = "deploy.web", .resource = "web"}).empty());
    EXPECT_TRUE(types({.environment = "elsewhere", .requester = "o'brien"}).empty());
    EXPECT_THAT(types({.voter = core::PersonId{"amy"}}), ElementsAre("request.voted", "request.denied"));
    EXPECT_TRUE(types({.voter = core::PersonId{"ben"}}).empty());
    EXPECT_EQ(types({.since = this->on.clock.now()}).size(), 3U);
    EXPECT_EQ(types({.until = this->on.clock.now()}).size(), 2U);
    EXPECT_TRUE(types({.types = {"person.linked"}}).empty());
}

TYPED_TEST(Events, APageEndsWhereItIsFullAndSaysWhatItHasLookedAt) {
    for (int i = 0; i < 5; ++i) this->record(this->created("ci"));
    this->sequenced();
    auto first = this->page(-1, {}, 2);
    EXPECT_EQ(first.events.size(), 2U);
    EXPECT_EQ(first.through, 1);
    auto second = this->page(first.through, {}, 2);
    EXPECT_EQ(second.events.front().index, 2);
    EXPECT_EQ(this->page(second.through, {}, 2).through, 4);
}

TYPED_TEST(Events, TellWhichRequestsTheyTouched) {
    auto voted = this->opened(this->on.fresh());
    auto fresh = this->opened(this->on.fresh());
    this->record(this->created("ci"));
    auto before = this->sequenced();
    this->vote(voted, "U0AMY");
    auto after = this->sequenced();
    auto touched = [&](std::int64_t from, std::int64_t to) {
        std::map<core::RequestId, std::int32_t> all;
        for (const auto& one : this->on.get(this->on.log().touched(from, to, this->on.soon())).value())
            all[one.request] = one.version;
        return all;
    };
    EXPECT_EQ(touched(before, after), (std::map<core::RequestId, std::int32_t>{{voted, 2}}));
    EXPECT_EQ(touched(0, before), (std::map<core::RequestId, std::int32_t>{{voted, 2}, {fresh, 1}}));
    EXPECT_TRUE(touched(after, after).empty());
}

class EventRows : public Events<OnPostgres> {};

TEST_F(EventRows, TheNamesInAnActCanBeErasedAndItsRecordStays) {
    auto event = created("Zebra's");
    record(event);
    EXPECT_EQ(on.sql("SELECT record FROM act"), wire::leaf_body(event));
    EXPECT_EQ(on.sql("SELECT words FROM act"), core::canonical(event.facts));
    EXPECT_EQ(on.sql("SELECT record FROM act").find("Zebra"), std::string::npos);
    sequenced();
    EXPECT_EQ(on.sql("SELECT convert_from(body, 'UTF8') FROM event"), wire::leaf_body(event));
    on.sql("UPDATE act SET words = NULL, salt = NULL");
    EXPECT_EQ(on.sql("SELECT count(*) FROM event"), "1");
    EXPECT_EQ(support::sqlstate_of(on.uri, "DELETE FROM event"), "42501");
}

TEST_F(EventRows, IdsOfEventsAreTheOrderOfTheirEntriesWithinOneMicrosecond) {
    auto id = on.get(on.cases().open(on.fresh(), on.soon())).value().opened.request->id;
    on.get(on.cases().append(on.vote(id, "U0RILEY"), on.soon())).value();  // refused: an event at version 1
    on.get(on.cases().append(on.vote(id, "U0AMY"), on.soon())).value();
    on.get(on.cases().append(on.vote(id, "U0AMY", core::Verdict::withdraw), on.soon())).value();
    on.get(on.cases().append(on.vote(id, "U0AMY"), on.soon())).value();
    on.get(on.cases().append(on.vote(id, "U0GUEST"), on.soon())).value();
    on.get(on.cases().append(on.vote(id, "U0BEN"), on.soon())).value();
    sequenced();
    EXPECT_EQ(on.sql("SELECT count(DISTINCT at) FROM event"), "1");
    EXPECT_EQ(on.sql("SELECT string_agg(type || ' ' || (convert_from(body, 'UTF8')::json->>'version'), ', ' "
                     "ORDER BY index) FROM event"),
              "request.created 1, request.vote_refused 1, request.voted 2, request.voted 3, request.voted 4, "
              "request.vote_refused 4, request.voted 5, request.approved 5");
}

TEST_F(EventRows, ALeafsHashIsTheOneOfItsBytes) {
    record(created("ci"));
    sequenced();
    std::string body = on.sql("SELECT convert_from(body, 'UTF8') FROM event");
    EXPECT_EQ(on.sql("SELECT encode(hash, 'hex') FROM event"), sha256_hex(std::string(1, '\0') + body));
}

TEST_F(EventRows, ErasedFactsAreToldToBeGone) {
    record(created("ci"));
    sequenced();
    on.sql("UPDATE act SET words = NULL, salt = NULL");
    auto events = page(-1).events;
    ASSERT_EQ(events.size(), 1U);
    EXPECT_FALSE(events[0].facts);
    EXPECT_EQ(events[0].subject, "tok_1");
}

TEST_F(EventRows, ARefusedVoteSaysWhoWasRefusedWhatAndWhyInWordsThatCanBeErased) {
    auto id = on.get(on.cases().open(on.fresh(), on.soon())).value().opened.request->id;
    on.get(on.cases().append(on.vote(id, "U0RILEY", core::Verdict::deny), on.soon())).value();
    sequenced();
    auto events = page(-1, {.types = {"request.vote_refused"}}).events;
    ASSERT_EQ(events.size(), 1U);
    ASSERT_TRUE(events[0].facts);
    const auto& facts = *events[0].facts;
    EXPECT_EQ(facts["who"].text(), "riley");
    EXPECT_EQ(facts["account"].text(), core::testing::slack("U0RILEY").text());
    EXPECT_EQ(facts["verdict"].text(), "deny");
    EXPECT_EQ(facts["via"].text(), "slack");
    EXPECT_EQ(facts["why"].text(), "self_approval");
    EXPECT_FALSE(facts["reason"].text().empty());
    EXPECT_EQ(on.sql("SELECT record FROM act").find("riley"), std::string::npos);
    EXPECT_EQ(on.sql("SELECT record FROM act").find("U0RILEY"), std::string::npos);
    EXPECT_EQ(on.sql("SELECT count(*) FROM act a JOIN request r ON r.salt = a.salt"), "0")
        << "the salt of a request may be erased before the words of its acts";
    on.sql("UPDATE act SET words = NULL, salt = NULL");
    EXPECT_FALSE(page(-1, {.types = {"request.vote_refused"}}).events.at(0).facts);
}

TEST_F(EventRows, WordsOfARefusedVoteThatWereNotRecordedAreNotTold) {
    auto id = on.get(on.cases().open(on.fresh(), on.soon())).value().opened.request->id;
    on.get(on.cases().append(on.vote(id, "U0RILEY"), on.soon())).value();
    sequenced();
    on.sql("SET session_replication_role = replica; UPDATE act SET words = replace(words, 'riley', 'amy')");
    auto read = on.get(on.log().read(-1, {}, 10, on.soon()));
    ASSERT_FALSE(read);
    EXPECT_EQ(read.error().trouble, Trouble::corrupt);
}

TEST_F(EventRows, WhatIsMoreThanABatchIsLeftForTheNext) {
    for (int i = 0; i < 25; ++i) {
        std::vector<Later<Done>> acts;
        for (int n = 0; n < 100; ++n) acts.push_back(on.log().record(created(std::to_string(n)), on.soon()));
        for (const auto& done : on.all(std::move(acts))) ASSERT_TRUE(done);
    }
    auto first = on.get(on.log().sequence(std::nullopt, on.soon())).value();
    EXPECT_EQ(first.size, 1'000);
    EXPECT_TRUE(first.more);
    auto second = on.get(on.log().sequence(std::nullopt, on.soon())).value();
    EXPECT_EQ(second.size, 2'000);
    EXPECT_TRUE(second.more) << "what is left is no whole batch, and must not wait for the next act";
    auto third = on.get(on.log().sequence(std::nullopt, on.soon())).value();
    EXPECT_EQ(third.size, 2'500);
    EXPECT_FALSE(third.more);
    EXPECT_EQ(page(-1, {.types = {"person.linked"}}).through, 2'499);
}

TEST_F(EventRows, BigRequestsMakeShortPages) {
    for (int i = 0; i < 3; ++i) {
        auto fresh = on.fresh();
        fresh.request.parameters = core::Value::object({{"blob", std::string(3'000'000, 'x')}});
        opened(std::move(fresh));
    }
    sequenced();
    auto first = page(-1);
    EXPECT_EQ(first.events.size(), 1U);
    EXPECT_EQ(first.through, 0);
    auto second = page(first.through);
    ASSERT_EQ(second.events.size(), 1U);
    EXPECT_EQ(second.events[0].index, 1);
}

}  // namespace
}  // namespace countersign::contract
