#include "countersign/wire/event.hpp"

#include <gtest/gtest.h>

#include "core/world.hpp"
#include "countersign/base/crypto.hpp"
#include "countersign/wire/json.hpp"
#include "countersign/wire/leaves.hpp"
#include "countersign/wire/ocsf.hpp"
#include "countersign/wire/stored.hpp"
#include "countersign/wire/syslog.hpp"

namespace countersign::wire {
namespace {

using namespace std::chrono_literals;
using core::testing::asks;
using core::testing::requires_of;

TEST(Event, IsACloudEventThatSaysItsPlaceInTheLog) {
    auto event = cloud_event({.id = core::EventId{core::EventId::Bytes{}},
                              .type = "request.approved",
                              .at = core::testing::start,
                              .subject = "req_1",
                              .index = 1042},
                             "https://approvals.example.com", core::Value::object({{"state", "approved"}}));
    EXPECT_EQ(core::canonical(event),
              R"({"data":{"state":"approved"},"datacontenttype":"application/json",)"
              R"("id":"evt_00000000000000000000000000","sequence":"00000000000000001042",)"
              R"("source":"https://approvals.example.com","specversion":"1.0","subject":"req_1",)"
              R"("time":"2026-01-02T03:00:00.000000Z","type":"countersign.request.approved"})");
}

TEST(Event, WithoutASubjectOrAPlaceItNamesNone) {
    auto event = cloud_event({.id = core::EventId{core::EventId::Bytes{}},
                              .type = "policy.loaded",
                              .at = core::testing::start,
                              .subject = {},
                              .index = {}},
                             "countersign", core::Value::object());
    EXPECT_TRUE(event["subject"].is_null());
    EXPECT_TRUE(event["sequence"].is_null());
}

TEST(Event, CarriesTheRequestAsItWasAndNotAsItBecame) {
    core::testing::Play play(requires_of({asks({{2, "security"}})}));
    play.now += 1min;
    play.approve("U0AMY");
    auto at = play.now;
    play.now += 1min;
    play.approve("U0BEN");
    ASSERT_EQ(play.state(), core::State::approved);
    auto directory = play.world.directory();
    auto then = request_as_it_was(play.c, 2, directory, at);
    EXPECT_EQ(then["version"].whole(), 2);
    EXPECT_EQ(then["state"].text(), "pending");
    EXPECT_EQ(then["votes"].items()->size(), 1U);
    EXPECT_EQ(then["missing"][0]["count"].whole(), 1);
    EXPECT_TRUE(then["decided_at"].is_null());
    auto now = request_as_it_was(play.c, 3, directory, play.now);
    EXPECT_EQ(now["state"].text(), "approved");
    EXPECT_EQ(core::canonical(request_as_it_was(play.c, 99, directory, play.now)), core::canonical(now));
}

TEST(Event, AnAdministrativeActsLeafHoldsAHashOfItsFactsAndNoName) {
    app::AdminEvent act{.id = core::EventId{core::EventId::Bytes{}},
                        .at = core::testing::start,
                        .act = app::AdminAct::token_created,
                        .request = {},
                        .subject = "tok_1",
                        .facts = core::Value::object({{"name", "ci"}}),
                        .salt = {std::byte{7}}};
    std::string text = leaf_body(act);
    EXPECT_EQ(core::canonical(parse_json(text, {.bytes_max = 10'000}).value()), text);
    EXPECT_EQ(text,
              R"({"facts_sha256":")" + sealed(act.salt, R"({"name":"ci"})") +
                  R"(","id":"evt_00000000000000000000000000","occurred_at":"2026-01-02T03:00:00.000000Z",)"
                  R"("subject":"tok_1","type":"token.created","v":1})");
}

TEST(Event, IdsSortByTimeThenVersionThenPlace) {
    std::array<std::byte, 10> high{};
    high.fill(std::byte{0xff});
    const std::array<std::byte, 10> low{};
    auto at = core::testing::start + 999us;
    EXPECT_LT(app::event_id(at, 1024, app::refusal_place, high), app::event_id(at + 1us, 1, 0, low));
    EXPECT_LT(app::event_id(at - 1us, 2, 0, high), app::event_id(at, 1, 0, low));
    EXPECT_LT(app::event_id(at, 255, 0, high), app::event_id(at, 256, 0, low));
    EXPECT_LT(app::event_id(at, 3, 0, high), app::event_id(at, 3, 1, low));
    EXPECT_LT(app::event_id(at, 3, 1, high), app::event_id(at, 3, app::refusal_place, low));
}

app::LoggedEvent logged(std::string type, std::int64_t index) {
    return {.index = index,
            .id = core::EventId{core::EventId::Bytes{}},
            .at = core::testing::start,
            .type = std::move(type),
            .request = {},
            .version = 0,
            .state = core::State::pending,
            .subject = "sha256:abc",
            .facts = core::Value::object({{"by", "administrator"}})};
}

TEST(Ocsf, AnActIsAnEventOfItsOwnWithItsPlaceInTheLog) {
    auto event = ocsf_event(logged("policy.loaded", 7));
    EXPECT_EQ(event["class_uid"], core::Value(3004));
    EXPECT_EQ(event["activity_name"].text(), "policy.loaded");
    EXPECT_EQ(event["metadata"]["sequence"], core::Value(7));
    EXPECT_EQ(event["entity"]["uid"].text(), "sha256:abc");
    EXPECT_EQ(event["unmapped"]["by"].text(), "administrator");
    auto erased = logged("policy.loaded", 7);
    erased.facts.reset();
    EXPECT_TRUE(ocsf_event(erased)["unmapped"]["erased"].boolean());
}

TEST(Syslog, AMessageHasItsLengthBeforeItAndItsPlaceInTheLog) {
    EXPECT_EQ(syslog_frame({.at = core::testing::start,
                            .host = "approvals.example.com",
                            .type = "request.approved",
                            .index = 41,
                            .text = "{}"}),
              "113 <109>1 2026-01-02T03:00:00.000000Z approvals.example.com countersign - request.approved "
              "[meta sequenceId=\"42\"] {}");
}

TEST(Syslog, NothingInTheHeaderBreaksIt) {
    auto frame = syslog_frame({.at = core::testing::start,
                               .host = "a b\n\xC3\xA9",
                               .type = std::string(40, 'x'),
                               .index = 2'147'483'646,
                               .text = "{\"\xC3\xA9\":1}"});
    EXPECT_NE(
        frame.find(" a_b___ countersign - " + std::string(32, 'x') + " [meta sequenceId=\"2147483647\"]"),
        std::string::npos)
        << frame;
    auto blank = frame.find(' ');
    EXPECT_EQ(std::to_string(frame.size() - blank - 1), frame.substr(0, blank)) << "in bytes";
}

}  // namespace
}  // namespace countersign::wire
