#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "contract/world.hpp"
#include "countersign/wire/stored.hpp"

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

class EventRows : public Events<OnPostgres> {};

TEST_F(EventRows, TheNamesInAnActCanBeErasedAndItsRecordStays) {
    auto event = created("Zebra's");
    record(event);
    EXPECT_EQ(on.sql("SELECT convert_from(body, 'UTF8') FROM event"), wire::leaf_body(event));
    EXPECT_EQ(on.sql("SELECT doc FROM event_text"), core::canonical(event.facts));
    EXPECT_EQ(on.sql("SELECT count(*) FROM unsequenced"), "1");
    EXPECT_EQ(on.sql("SELECT convert_from(body, 'UTF8') FROM event").find("Zebra"), std::string::npos);
    on.sql("DELETE FROM event_text");
    EXPECT_EQ(on.sql("SELECT count(*) FROM event"), "1");
    EXPECT_EQ(support::sqlstate_of(on.uri, "DELETE FROM event"), "42501");
}

TEST_F(EventRows, IdsOfEventsAreTheOrderOfTheirEntriesWithinOneMicrosecond) {
    auto id = on.get(on.cases().open(on.fresh(), on.soon())).value().opened.request.id;
    on.get(on.cases().append(on.vote(id, "U0RILEY"), on.soon())).value();  // refused: an event at version 1
    on.get(on.cases().append(on.vote(id, "U0AMY"), on.soon())).value();
    on.get(on.cases().append(on.vote(id, "U0AMY", core::Verdict::withdraw), on.soon())).value();
    on.get(on.cases().append(on.vote(id, "U0AMY"), on.soon())).value();
    on.get(on.cases().append(on.vote(id, "U0GUEST"), on.soon())).value();
    on.get(on.cases().append(on.vote(id, "U0BEN"), on.soon())).value();
    EXPECT_EQ(on.sql("SELECT count(DISTINCT at) FROM event"), "1");
    EXPECT_EQ(on.sql("SELECT string_agg(type || ' ' || (convert_from(body, 'UTF8')::json->>'version'), ', ' "
                     "ORDER BY id) FROM event"),
              "request.created 1, request.vote_refused 1, request.voted 2, request.voted 3, request.voted 4, "
              "request.vote_refused 4, request.voted 5, request.approved 5");
}

}  // namespace
}  // namespace countersign::contract
