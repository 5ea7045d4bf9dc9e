#include "countersign/wire/stored.hpp"
#include "countersign/wire/leaves.hpp"

#include <gtest/gtest.h>

#include "core/world.hpp"
#include "countersign/base/crypto.hpp"
#include "countersign/base/text.hpp"
#include "countersign/wire/json.hpp"
#include "countersign/wire/stored_entry.hpp"
#include "countersign/wire/stored_history.hpp"

namespace countersign::wire {
namespace {

using namespace std::chrono_literals;
using core::testing::asks;
using core::testing::requires_of;
using core::testing::slack;

const Salt salt{std::byte{1}, std::byte{2}, std::byte{3}};

core::Request asked() {
    core::Request request = core::testing::request_of();
    request.intent = "Monthly \"churn\"\n\t\x01 \xE2\x82\xAC \\";
    request.parameters =
        core::Value::object({{"rows", 1e20}, {"to", "s3://x"}, {"nul", std::string("a\0b", 3)}});
    request.labels = {{"job", "nightly"}};
    request.links = {{"Run", "https://ci.example.com/1"}};
    request.requester.humans = {core::AccountId{"email:riley@example.com"}};
    return request;
}

core::Standing voter() {
    return {slack("U0AMY"),
            core::PersonId{"amy"},
            core::AccountClass::member,
            {core::GroupId{"security"}},
            false,
            {core::AccountId{"email:x@y"}},
            core::testing::start};
}

core::Standing own_voter() {
    core::Standing own = voter();
    own.behind = true;
    own.self_approval = true;
    return own;
}

core::Standing filled_last() {
    core::Standing one = voter();
    one.filled_last = {core::GroupId{"security"}};
    return one;
}

core::Cancelled superseded() {
    core::Cancelled ended{core::Instant{3s}, core::AccountId{"token:t"}, "a newer request takes its turn"};
    ended.superseded_by = core::RequestId{core::RequestId::Bytes{}};
    return ended;
}

std::vector<core::Entry> every_kind() {
    core::Instant at = core::testing::start + 1us;
    const core::RequestId other = core::RequestId::mint(at, {});
    return {
        core::Opened{at, {core::PersonId{"riley"}}, {core::AccountId{"email:x@y"}}, "nobody is left"},
        core::Voted{
            at, voter(), core::Verdict::deny, "no \"way\"", core::Surface::teams, {voter(), voter()}, "dead"},
        core::Held{at, voter(), "why?", core::Surface::slack},
        core::Released{at, voter(), "", core::Surface::api, {voter()}},
        core::Released{at, voter(), "fine", core::Surface::api, {}, true},
        core::Rejudged{at, {core::PersonId{"riley"}}, {slack("U0RILEY")}, {own_voter()}, std::nullopt},
        core::Voted{at, own_voter(), core::Verdict::approve, "down", core::Surface::slack, {own_voter()}, {}},
        core::Voted{.at = at,
                    .voter = voter(),
                    .reason = "",
                    .recheck = {},
                    .dead_end = {},
                    .after_card = core::Duration{1'250'000}},
        core::Lapsed{at},
        core::Cancelled{at, slack("U0RILEY"), "never mind"},
        core::Claimed{at, core::AccountId{"token:t"}, "abc"},
        core::Reported{at, core::AccountId{"token:t"}, true, "done"},
        core::Rejudged{at, {core::PersonId{"riley"}}, {slack("U0RILEY")}, {voter()}, "nobody is left"},
        core::Reminded{at},
        core::Escalated{at},
        core::Opened{
            at, {}, {}, {}, {}, core::Opened::NarrowedFrom{other, 7, slack("U0AMY"), "rows 1 instead of 2"}},
        core::Opened{at, {}, {}, {}, {}, {}, other},
        core::Cancelled{at, slack("U0AMY"), "enough", voter(), core::Surface::slack},
        core::Cancelled{at, slack("U0AMY"), "less", voter(), core::Surface::teams,
                        core::Cancelled::Narrowed{other, "sha256:aa", "rows 1 instead of 2"}},
        core::Used{at, other, "sha256:bb"},
        core::Reviewed{at, voter(), "called for", core::Surface::teams},
        core::ReviewOverdue{at},
        superseded(),
        core::Voted{
            .at = at, .voter = filled_last(), .reason = "", .recheck = {filled_last()}, .dead_end = {}}};
}

TEST(Stored, ARequestReadsBackAsItWas) {
    core::Request request = asked();
    auto back = read_stored_request(stored_request(request, nullptr), request.id, request.number);
    ASSERT_TRUE(back) << back.error().detail;
    EXPECT_EQ(back->parameters, request.parameters);
    EXPECT_EQ(back->intent, request.intent);
    EXPECT_EQ(*back, request);
}

TEST(Stored, ARequestWithoutTheOptionalPartsReadsBackAsItWas) {
    core::Request request = asked();
    request.resource.reset();
    request.environment.reset();
    request.parameters.reset();
    EXPECT_EQ(read_stored_request(stored_request(request, nullptr), request.id, request.number).value(),
              request);
}

TEST(Stored, WhatRulesAskReadsBackAsItWas) {
    core::Applied applied = requires_of({asks({{2, "security"}, {1, "dba"}}), asks({{3, "reviewers"}})});
    applied.notify = {{core::Surface::slack, {"#a", "C1"}}, {core::Surface::teams, {"19:x"}}};
    applied.policy_digest = "sha256:aa";
    applied.refusal = "no";
    applied.expires = 30min;
    EXPECT_EQ(read_stored_applied(stored_applied(applied)).value(), applied);
}

TEST(Stored, EverythingARuleCanSayReadsBackAsItWas) {
    core::Applied applied = requires_of({asks({{1, "security"}})});
    applied.deny = {false, {{2, core::GroupId{"security"}}, {1, core::GroupId{"dba"}}}};
    applied.release = {core::GroupId{"security"}, core::GroupId{"leads"}};
    applied.remind = {10min, 20min};
    applied.escalate =
        core::Escalation{15min, {{core::Surface::slack, {"#oncall"}}, {core::Surface::teams, {"19:x"}}}};
    applied.self_approval = core::SelfApproval{{core::PersonId{"amy"}, core::PersonId{"ben"}}, false};
    applied.unlinked_allowed = true;
    applied.hide = {"/parameters/env/*", "/parameters/password"};
    applied.risk = 70;
    applied.risk_parts = {{"production", 40}, {"rows", 30}};
    applied.alternatives[0].groups.push_back({2, core::GroupId{"dba"}, {core::GroupId{"security"}}});
    applied.self_approval->groups = {core::GroupId{"leads"}};
    applied.reason_required = true;
    applied.resource_typed = true;
    applied.step_up = {{{"phr", "phrh"}, {"otp"}}, {}};
    applied.visible_to = {{core::GroupId{"security"}, core::GroupId{"dba"}}, {core::GroupId{"leads"}}};
    applied.exclude = {{"github", "parameters.authors[*]"}, {"", "labels.author"}};
    applied.widening = core::Widening{1h, {core::GroupId{"leads"}}};
    applied.shadow =
        core::Shadow{{"shells", "tries"}, false, "", {core::Slots{{{2, core::GroupId{"dba"}, {}}}}}};
    applied.claim_after = 30min;
    applied.claim_closed = {{core::Instant{5s}, core::Instant{9s}}, {core::Instant{20s}, core::end_of_time}};
    applied.alternatives[0].groups[0].not_last = 2;
    applied.budgets = {{"reads", 20, "", 0, 1h, {"requester"}},
                       {"refunds", 0, "parameters.amount", 50'000 * core::millionths + 1, 24h, {}}};
    applied.over_budget = {"refunds"};
    applied.turns = {{{"action", "resource"}, true}, {{"labels.stack"}, false}};
    const std::string text = stored_applied(applied);
    EXPECT_EQ(read_stored_applied(text).value(), applied);
    EXPECT_EQ(core::canonical(parse_json(text, {.bytes_max = 100'000}).value()), text);
}

TEST(Stored, WhatIsKeptOfOtherRequestsReadsBackAsItWas) {
    core::HistoryRecord record;
    EXPECT_EQ(read_stored_history(stored_history(record)).value(), record);
    const core::Instant at{5s};
    record.uses = {{at, 1, 0}, {at + 1s, 7, core::budget_sum_max * core::millionths}};
    record.line = {core::RequestId{core::RequestId::Bytes{}}};
    record.last = {{"a", "b"}, {}, {"c"}};
    const std::string text = stored_history(record);
    EXPECT_EQ(read_stored_history(text).value(), record);
    EXPECT_EQ(core::canonical(parse_json(text, {.bytes_max = 100'000}).value()), text);
    for (const char* wrong :
         {"", "{}", R"({"last":[],"line":[],"uses":[[1,2]]})", R"({"last":[1],"line":[],"uses":[]})",
          R"({"last":[],"line":["req_1"],"uses":[]})", R"({"last":[],"line":[],"uses":[[1,-1,0]]})",
          R"({"last":[],"line":[],"uses":[[1,1,-5]]})"})
        EXPECT_FALSE(read_stored_history(wrong)) << wrong;
}

TEST(Stored, WhatWasStoredBeforeRulesCouldSayMoreStillReads) {
    auto applied = read_stored_applied(
        R"({"alternatives":[[{"count":2,"of":"security"}]],"expires":1800000000,"grant":600000000,)"
        R"("kind":"require","notify":{"slack":["#a"]},"policy_digest":"sha256:aa",)"
        R"("refusal":"","rules":["r"]})");
    ASSERT_TRUE(applied) << applied.error().detail;
    EXPECT_EQ(applied->deny, (core::Denial{true, {}}));
    EXPECT_FALSE(applied->self_approval || applied->escalate || applied->unlinked_allowed || applied->risk);
    EXPECT_TRUE(applied->risk_parts.empty());
    EXPECT_TRUE(applied->hide.empty() && applied->release.empty() && applied->remind.empty());
    EXPECT_FALSE(read_stored_applied(
        R"({"alternatives":[],"deny":{"any":true,"counts":[{"count":0,"of":"x"}]},"expires":1,"grant":1,)"
        R"("kind":"allow","notify":{},"policy_digest":"","refusal":"","rules":[]})"));
}

TEST(Stored, TheClaimsOfATokenReadBackAndAreSealedAsAWhole) {
    core::Request request = asked();
    request.requester.claims =
        core::Value::object({{"sub", "repo:riley/x"}, {"groups", core::Value::Array{"amy"}}});
    request.requester.run = "of riley/1";
    EXPECT_EQ(read_stored_request(stored_request(request, nullptr), request.id, request.number).value(),
              request);
    const std::string sealed_text = stored_request(request, &salt);
    EXPECT_EQ(sealed_text.find("riley"), std::string::npos);
    EXPECT_EQ(sealed_text.find("groups"), std::string::npos);
    EXPECT_TRUE(read_stored_request(sealed_text, request.id, request.number));
}

TEST(Stored, EveryKindOfEntryReadsBackAsItWas) {
    for (const auto& entry : every_kind()) {
        auto back = read_stored_entry(stored_entry(entry, nullptr));
        ASSERT_TRUE(back) << kind_of(entry) << ": " << back.error().detail;
        EXPECT_EQ(*back, entry) << kind_of(entry);
    }
}

TEST(Stored, EntriesWrittenBeforeTheyCouldSayMoreStillRead) {
    auto released = read_stored_entry(
        R"({"at":1,"kind":"released","reason":"","recheck":[],"via":"api","voter":{"account":"slack:T/U",)"
        R"("as_of":1,"behind":false,"class":"member","groups":["g"],"person":"amy","unlinked":[]}})");
    ASSERT_TRUE(released) << released.error().detail;
    const auto& entry = std::get<core::Released>(*released);
    EXPECT_FALSE(entry.as_releaser || entry.voter.self_approval);
    EXPECT_FALSE(read_stored_entry(
        R"({"as_releaser":1,"at":1,"kind":"released","reason":"","recheck":[],"via":"api","voter":)"
        R"({"account":"slack:T/U","as_of":1,"behind":false,"class":"member","groups":["g"],"person":"amy",)"
        R"("unlinked":[]}})"));
}

TEST(Stored, TextsAreCanonicalJson) {
    for (const auto& entry : every_kind()) {
        for (const Salt* seal : {static_cast<const Salt*>(nullptr), &salt}) {
            std::string text = stored_entry(entry, seal);
            core::Value value = parse_json(text, {.bytes_max = 100'000}).value();
            EXPECT_EQ(core::canonical(value), text);
            EXPECT_EQ(text.find('\n'), std::string::npos);
        }
    }
    std::string text = stored_request(asked(), nullptr);
    EXPECT_EQ(core::canonical(parse_json(text, {.bytes_max = 100'000, .strict = false}).value()), text);
}

TEST(Stored, NoWordOfAPersonIsInTheSealedForm) {
    for (const auto& entry : every_kind()) {
        std::string text = stored_entry(entry, &salt);
        for (const char* word :
             {"U0", "amy", "riley", "email", "way", "why", "never", "token:", "done", "nobody"}) {
            EXPECT_EQ(text.find(word), std::string::npos) << word << " in " << text;
        }
    }
    std::string text = stored_request(asked(), &salt);
    for (const char* word :
         {"Monthly", "s3:", "rows", "nightly", "ci.example", "riley", "U0", "tok_ci", "\"ci\"", "orders"}) {
        EXPECT_EQ(text.find(word), std::string::npos) << word << " in " << text;
    }
}

TEST(Stored, OnePersonKeepsOnePseudonymInsideARequestAndHasAnotherInTheNext) {
    Salt other = salt;
    other[0] = std::byte{9};
    EXPECT_EQ(sealed(salt, "amy"), sealed(salt, "amy"));
    EXPECT_NE(sealed(salt, "amy"), sealed(other, "amy"));
    EXPECT_NE(sealed(salt, "amy"), sealed(salt, "ben"));
    EXPECT_EQ(sealed(salt, "amy"), sha256_hex(std::string(as_text(salt)) + "amy"));
}

TEST(Stored, ARulingWorkedOutFromTheSealedFormIsTheSame) {
    core::testing::Play play(requires_of({asks({{2, "security"}, {1, "dba"}})}));
    play.approve("U0AMY");
    play.approve("U0CAT");
    play.approve("U0BEN");
    ASSERT_EQ(play.state(), core::State::approved);
    core::Case erased{
        read_stored_request(stored_request(play.c.request, &salt), play.c.request->id, 1).value(),
        play.c.applied,
        {}};
    for (const auto& entry : play.c.entries) {
        erased.entries.push_back(read_stored_entry(stored_entry(entry, &salt)).value());
    }
    core::Ruling clear = core::decide(play.c);
    core::Ruling ruling = core::decide(erased);
    EXPECT_EQ(ruling.state, clear.state);
    EXPECT_EQ(ruling.decided_at, clear.decided_at);
    ASSERT_EQ(ruling.votes.size(), clear.votes.size());
    for (std::size_t i = 0; i < clear.votes.size(); ++i) {
        EXPECT_EQ(ruling.votes[i].counted_for, clear.votes[i].counted_for);
        EXPECT_EQ(ruling.votes[i].person.text(), sealed(salt, clear.votes[i].person.text()));
    }
}

TEST(Stored, AnythingElseIsCorrupt) {
    for (const char* text :
         {"", "{}", "[]", "{\"kind\":\"voted\"}", "{\"at\":1,\"kind\":\"unheard\"}",
          "{\"at\":\"1\",\"kind\":\"lapsed\"}", "{\"at\":1.5,\"kind\":\"lapsed\"}", "nonsense"}) {
        auto entry = read_stored_entry(text);
        ASSERT_FALSE(entry) << text;
        EXPECT_EQ(entry.error().trouble, Trouble::corrupt);
        EXPECT_FALSE(read_stored_applied(text)) << text;
        EXPECT_FALSE(read_stored_request(text, core::RequestId{core::RequestId::Bytes{}}, 1)) << text;
    }
}

TEST(Stored, ALeafIsCanonicalAndHoldsTheHashOfItsEntry) {
    core::Entry entry = every_kind()[1];
    std::string body = stored_entry(entry, &salt);
    Leaf leaf{.type = "request.voted",
              .id = core::EventId{core::EventId::Bytes{}},
              .at = core::testing::start,
              .request = core::RequestId{core::RequestId::Bytes{}},
              .version = 2,
              .state = core::State::denied,
              .digest = "sha256:aa",
              .policy = "sha256:bb",
              .entry_body = body,
              .person = {},
              .why = {}};
    std::string text = leaf_body(leaf);
    core::Value value = parse_json(text, {.bytes_max = 10'000}).value();
    EXPECT_EQ(core::canonical(value), text);
    EXPECT_EQ(value["entry_sha256"].text(), sha256_hex(body));
    EXPECT_EQ(value["state"].text(), "denied");
    EXPECT_TRUE(value["why"].is_null());
}

TEST(Stored, AnOpeningTellsOfItsRequestAndRulesAndNoOther) {
    core::Opened opened{
        .at = core::testing::start, .behind = {core::PersonId{"riley"}}, .unlinked = {}, .dead_end = {}};
    const Salt own_salt{};
    std::string text = stored_opening(opened, {7, "request", "rules"}, own_salt);
    EXPECT_TRUE(opens(text, {7, "request", "rules"}));
    EXPECT_FALSE(opens(text, {8, "request", "rules"}));
    EXPECT_FALSE(opens(text, {7, "other", "rules"}));
    EXPECT_FALSE(opens(text, {7, "request", "other"}));
    EXPECT_FALSE(opens(stored_entry(core::Entry{opened}, &own_salt), {7, "request", "rules"}));
    auto back = read_stored_entry(text);
    ASSERT_TRUE(back) << "it reads as an entry like the others";
    EXPECT_EQ(at_of(*back), opened.at);
}

}  // namespace
}  // namespace countersign::wire
