#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "slack/office.hpp"

// Requests that are alike share a card from the third on, against the local workspace.
namespace countersign::slack {
namespace {

using namespace std::chrono_literals;
using core::State;
using core::Value;
using test::has;

struct Alike : test::SlackOffice {
    app::Caller caller{app::Token{.id = core::TokenId::mint(time.now(), rt::chance(entropy)),
                                  .name = "nightly",
                                  .scopes = {app::Scope::request},
                                  .owner = {},
                                  .allow_actions = {},
                                  .allow_environments = {},
                                  .created_at = time.now(),
                                  .expires_at = {},
                                  .revoked_at = {},
                                  .hint = {}}};
    Alike() { runtime.limits.collapse_cards = true; }

    core::RequestId file(std::string intent, std::optional<Value> parameters = {},
                         std::string action = "deploy") {
        app::Ask wanted;
        wanted.action = std::move(action);
        wanted.environment = "production";
        wanted.resource = "orders";
        wanted.intent = std::move(intent);
        wanted.parameters = std::move(parameters);
        auto filed = get(requests.open(caller, std::move(wanted), soon()));
        EXPECT_TRUE(filed) << (filed ? "" : filed.error().detail);
        return (*filed).now->c.request->id;
    }
    std::vector<core::RequestId> file_many(std::size_t count) {
        std::vector<core::RequestId> filed;
        for (std::size_t i = 0; i < count; ++i) filed.push_back(file("part " + std::to_string(i)));
        quiet();
        return filed;
    }
    void quiet() {
        EXPECT_TRUE(until([&] { return store.rows_behind() == 0 && store.batches_behind() == 0; }));
        pass(100ms);
    }
    std::vector<Value> lists(std::string_view channel = "C0APPROVALS") {
        std::vector<Value> found;
        for (const auto& message : *messages(channel).items())
            if (message["metadata"]["event_type"].text() == "countersign_batch") found.push_back(message);
        return found;
    }
    Value the_list() {
        auto all = lists();
        EXPECT_EQ(all.size(), 1U);
        return all.empty() ? Value{} : all.front();
    }
    std::string shown() { return core::canonical(the_list()); }
    Value press(std::string_view user, std::string_view action, const core::RequestId* row = nullptr) {
        auto order = Value::object(
            {{"user", user}, {"channel", "C0APPROVALS"}, {"ts", the_list()["ts"]}, {"action_id", action}});
        if (row != nullptr)
            order.set("block_id", "act." + row->text() + ".row.full")
                .set("action_id", "row")
                .set("value", std::string(action) + " " + row->text());
        auto answer = control("click", order);
        pass(1s);
        return answer;
    }
    Value send(std::string_view user) {
        auto answer = control("submit_view", Value::object({{"user", user}, {"values", Value::object()}}));
        pass(1s);
        return answer;
    }
    // A vote that is cast elsewhere than on the list.
    auto votes(core::RequestId request, std::string_view user, core::Verdict verdict,
                             std::string reason = {}) {
        const core::Cast cast{.account = core::AccountId{"slack:T0SIM/" + std::string(user)},
                              .verdict = verdict,
                              .reason = std::move(reason),
                              .via = core::Surface::slack,
                              .shown_digest = {}};
        return get(requests.vote(request, cast, app::Origin{"elsewhere " + request.text()}, soon()));
    }
    // The lines in the list's thread, in order.
    std::vector<std::string> thread() {
        const auto list = the_list()["ts"];
        std::vector<std::string> lines;
        for (const auto& message : *messages().items())
            if (message["thread_ts"].text() == list.text() && message["ts"].text() != list.text())
                lines.emplace_back(message["text"].text());
        return lines;
    }
    // A second message that lists the same, as one that was posted twice.
    Value copy_of_the_list() {
        auto list = the_list();
        auto copy = call("chat.postMessage", Value::object({{"channel", "C0APPROVALS"},
                                                            {"text", list["text"]},
                                                            {"blocks", list["blocks"]},
                                                            {"metadata", list["metadata"]}}));
        EXPECT_TRUE(copy.body["ok"].truth()) << copy.text;
        return copy.body["ts"];
    }
    std::size_t approvals(core::RequestId request) { return read(request)->ruling.votes.size(); }
};

TEST(SlackBatches, TheThirdAlikeRequestAndThoseAfterItShareACard) {
    Alike office;
    auto filed = office.file_many(6);
    for (std::size_t i = 0; i < filed.size(); ++i)
        EXPECT_EQ(office.cards(filed[i]).size(), i < 2 ? 1U : 0U) << i;
    auto list = office.shown();
    EXPECT_TRUE(has(list, "4 alike: deploy → production")) << list;
    EXPECT_TRUE(has(list, "nightly (a program) asks for each of these · rule deploys")) << list;
    for (std::size_t i = 2; i < filed.size(); ++i)
        EXPECT_TRUE(has(list, "part " + std::to_string(i))) << list;
    EXPECT_TRUE(has(list, "1 of reviewers"));
    EXPECT_TRUE(has(list, "Approve 4 together"));
    EXPECT_EQ(office.the_list()["text"].text(),
              "Approve? 4 requests alike: deploy → production, asked by nightly (#3 to #6)");
}

TEST(SlackBatches, AnotherActionAnotherCallerAndALaterOneHaveCardsOfTheirOwn) {
    Alike office;
    office.file_many(3);
    auto other = office.file("another", {}, "db.export");
    auto by_another = office.ask("deploy");
    office.pass(61s);
    auto late = office.file("later");
    office.quiet();
    for (const auto& one : {other, by_another, late}) EXPECT_EQ(office.cards(one).size(), 1U);
    EXPECT_EQ(office.lists().size(), 1U);
}

TEST(SlackBatches, ApprovedTogetherTheyAreOneVoteEachForWhatWasShown) {
    Alike office;
    auto filed = office.file_many(5);
    office.press("U0BEN", "approve_together");
    auto dialog = office.views("U0BEN");
    EXPECT_TRUE(has(dialog, "Approve 3 shown")) << dialog;
    for (int i = 2; i < 5; ++i) EXPECT_TRUE(has(dialog, "part " + std::to_string(i))) << dialog;
    for (std::size_t i = 2; i < 5; ++i) EXPECT_EQ(office.approvals(filed[i]), 0U) << "looking is no vote";
    office.send("U0BEN");
    EXPECT_TRUE(has(office.views("U0BEN"), "Your approvals of 3 requests are recorded: #3, #4, #5"))
        << office.views("U0BEN");
    for (std::size_t i = 2; i < 5; ++i) {
        auto now = office.read(filed[i]);
        EXPECT_EQ(now->ruling.state, State::approved);
        const auto& vote = std::get<core::Voted>(now->c.entries.at(1));
        EXPECT_EQ(vote.voter.account, core::AccountId{"slack:T0SIM/U0BEN"});
        EXPECT_TRUE(vote.after_card);
    }
    for (std::size_t i = 0; i < 2; ++i) EXPECT_EQ(office.state(filed[i]), State::pending);
    office.quiet();
    auto list = office.shown();
    EXPECT_TRUE(has(list, "3 alike, all decided")) << list;
    EXPECT_TRUE(has(list, "Approved by ben")) << list;
    EXPECT_FALSE(has(list, "\"button\"") || has(list, "\"overflow\"")) << list;
}

TEST(SlackBatches, ExceptionsAreMadeByRow) {
    Alike office;
    auto filed = office.file_many(5);
    office.press("U0AMY", "deny", &filed[3]);
    office.submit("U0AMY", "not this one");
    office.quiet();
    EXPECT_EQ(office.state(filed[3]), State::denied);
    EXPECT_TRUE(has(office.shown(), "3 alike, 2 open")) << office.shown();
    EXPECT_EQ(office.cards(filed[3]).size(), 0U) << "the list is no card of its own";
    // Approve of a row opens everything first.
    office.press("U0BEN", "approve", &filed[2]);
    EXPECT_EQ(office.approvals(filed[2]), 0U);
    EXPECT_TRUE(has(office.views("U0BEN"), "part 2")) << office.views("U0BEN");
    office.press("U0BEN", "approve_together");
    EXPECT_TRUE(has(office.views("U0BEN"), "Approve 2 shown")) << office.views("U0BEN");
}

TEST(SlackBatches, WhatHappensToEachIsALineInTheThreadOfTheList) {
    Alike office;
    auto filed = office.file_many(5);
    EXPECT_TRUE(office.thread().empty());
    office.press("U0AMY", "deny", &filed[3]);
    office.submit("U0AMY", "not this one");
    office.quiet();
    ASSERT_EQ(office.thread().size(), 1U);
    EXPECT_EQ(office.thread().front(),
              "#4: amy denied this request: not this one · Denied: one denial is enough.");
    office.press("U0BEN", "approve_together");
    office.send("U0BEN");
    office.quiet();
    const auto lines = office.thread();
    ASSERT_EQ(lines.size(), 3U);
    for (const char* number : {"#3: ben approved", "#5: ben approved"})
        EXPECT_THAT(lines, testing::Contains(testing::HasSubstr(number)));
    for (std::size_t i = 1; i < 3; ++i)
        EXPECT_TRUE(has(lines[i], "Approved: the quorum is met.")) << lines[i];
}

TEST(SlackBatches, ALineWhosePostingWasNotHeardOfIsNotSaidTwice) {
    Alike office;
    auto filed = office.file_many(3);
    office.fault(Value::object({{"method", "chat.postMessage"}, {"work", true}, {"drop", true}}));
    office.press("U0AMY", "deny", &filed[2]);
    office.submit("U0AMY", "not this one");
    EXPECT_TRUE(office.until([&] { return office.store.rows_behind() == 0; }, 5min));
    EXPECT_EQ(office.thread().size(), 1U);
    EXPECT_GE(office.calls("conversations.replies"), 1U);
}

TEST(SlackBatches, LinesWaitForTheListAndAreNotForgotten) {
    Alike office;
    office.file_many(2);
    office.fault(Value::object({{"method", "chat.postMessage"}, {"error", "internal_error"}, {"times", 3}}));
    auto third = office.file("part 2");
    office.pass(100ms);
    ASSERT_TRUE(office.votes(third, "U0AMY", core::Verdict::hold, "wait"));
    EXPECT_TRUE(office.until([&] { return office.store.rows_behind() == 0; }, 5min));
    ASSERT_EQ(office.lists().size(), 1U);
    EXPECT_THAT(office.thread(), testing::ElementsAre(testing::HasSubstr("#3: amy")));
}

TEST(SlackBatches, OfAListThatWasPostedTwiceOneIsRetired) {
    Alike office;
    office.file_many(2);
    office.fault(
        Value::object({{"method", "chat.postMessage"}, {"work", true}, {"twice", true}, {"drop", true}}));
    office.file("part 2");
    office.file("part 3");
    office.quiet();
    EXPECT_EQ(office.lists().size(), 1U);
    EXPECT_TRUE(
        has(core::canonical(office.messages()), "This was a second list of the requests from #3 on."));
}

TEST(SlackBatches, ASecondListIsRetiredOnceSomebodyClicksOnOne) {
    Alike office;
    auto filed = office.file_many(4);
    const auto first = office.the_list()["ts"];
    const auto copy = office.copy_of_the_list();
    ASSERT_EQ(office.lists().size(), 2U);
    office.control("click", Value::object({{"user", "U0AMY"},
                                           {"channel", "C0APPROVALS"},
                                           {"ts", copy},
                                           {"action_id", "row"},
                                           {"value", "details " + filed[2].text()},
                                           {"block_id", "act." + filed[2].text() + ".row.full"}}));
    office.quiet();
    EXPECT_EQ(office.the_list()["ts"].text(), first.text());
    const auto all = core::canonical(office.messages());
    EXPECT_TRUE(has(all, "This was a second list of the requests from #3 on.")) << all;
    // Clicks on the one that stays look for nothing.
    const auto searches = office.calls("conversations.history");
    office.press("U0AMY", "details", &filed[2]);
    office.press("U0BEN", "approve_together");
    office.quiet();
    EXPECT_EQ(office.calls("conversations.history"), searches);
}

TEST(SlackBatches, WhatIsToBeReviewedHasAButtonInItsRow) {
    Alike office;
    std::vector<PolicyFinding> findings;
    auto policy = read_policy(R"(
version: 1
people: { riley: { slack: U0RILEY }, amy: { slack: U0AMY }, ben: { slack: U0BEN } }
groups: { ops: { people: [riley, ben] }, security: { people: [amy, ben] } }
rules:
  - name: by night
    when: { action: deploy }
    require: { count: 1, of: ops }
    self_approval: { allow: [riley], reason: required, review: { by: security, within: 1d } }
)",
                              "review.yaml", findings);
    ASSERT_TRUE(policy) << findings.front().text();
    office.roster.set_policy(*policy);
    office.caller.token.owner = core::AccountId{"riley"};
    auto filed = office.file_many(4);
    auto own = office.votes(filed[2], "U0RILEY", core::Verdict::approve, "nobody else is awake");
    ASSERT_TRUE(own && !own->refusal) << (own ? own->refusal->sentence : own.error().detail);
    office.quiet();
    EXPECT_EQ(office.state(filed[2]), State::approved);
    EXPECT_TRUE(has(office.shown(), "To be reviewed · Approved")) << office.shown();
    office.press("U0AMY", "review", &filed[2]);
    office.submit("U0AMY", "called for, the pager log agrees");
    office.quiet();
    EXPECT_FALSE(office.read(filed[2])->ruling.review->open());
    EXPECT_FALSE(has(office.shown(), "review " + filed[2].text())) << office.shown();
    EXPECT_TRUE(has(office.shown(), "4 alike") || has(office.shown(), "2 alike")) << office.shown();
    EXPECT_THAT(office.thread(), testing::Contains(testing::HasSubstr("the pager log agrees")));
}

TEST(SlackBatches, WhatACardHasNoRoomForIsNotAmongThem) {
    Alike office;
    office.file_many(2);
    auto small = office.file("small");
    auto parameters = Value::object();
    for (int i = 0; i < 200; ++i) parameters.set("member" + std::to_string(i), std::string(30, 'x'));
    auto large = office.file("large", parameters);
    office.quiet();
    ASSERT_EQ(office.cards(large).size(), 0U);
    office.press("U0BEN", "approve_together");
    auto dialog = office.views("U0BEN");
    EXPECT_TRUE(has(dialog, "Approve 1 shown")) << dialog;
    EXPECT_TRUE(has(dialog, "Not among them: #4 asks for more than its card has room for")) << dialog;
    office.send("U0BEN");
    EXPECT_EQ(office.state(small), State::approved);
    EXPECT_EQ(office.state(large), State::pending);
}

TEST(SlackBatches, WhatChangedSinceItWasShownIsNotApproved) {
    Alike office;
    auto filed = office.file_many(4);
    office.press("U0BEN", "approve_together");
    office.press("U0CAT", "deny", &filed[2]);
    office.submit("U0CAT", "stop");
    ASSERT_TRUE(office.votes(filed[3], "U0AMY", core::Verdict::hold, "wait"));
    office.send("U0BEN");
    EXPECT_EQ(office.approvals(filed[3]), 0U);
    auto dialog = office.views("U0BEN");
    EXPECT_TRUE(has(dialog, "#4: NOT approved: something has happened to it")) << dialog;
    EXPECT_TRUE(has(dialog, "#3: ")) << dialog;
    EXPECT_EQ(office.state(filed[2]), State::denied);
}

TEST(SlackBatches, ThePeopleBehindThemApproveNoneTogether) {
    Alike office;
    office.caller.token.owner = core::AccountId{"riley"};
    auto filed = office.file_many(4);
    office.press("U0RILEY", "approve_together");
    auto dialog = office.views("U0RILEY");
    EXPECT_TRUE(has(dialog, "You are behind this request")) << dialog;
    EXPECT_FALSE(has(dialog, "shown\"")) << dialog;
    for (const auto& one : filed) EXPECT_EQ(office.state(one), State::pending);
}

TEST(SlackBatches, ADialogSentTwiceVotesOnce) {
    Alike office;
    auto filed = office.file_many(3);
    office.press("U0BEN", "approve_together");
    const auto before = office.read(filed[2])->c.version();
    office.fault(Value::object({{"duplicate_next", 1}}));
    office.send("U0BEN");
    EXPECT_EQ(office.read(filed[2])->c.version(), before + 1);
}

TEST(SlackBatches, AListWhosePostingWasNotHeardOfIsFoundAgain) {
    Alike office;
    office.file_many(2);
    office.fault(Value::object({{"method", "chat.postMessage"}, {"work", true}, {"drop", true}}));
    office.file("part 2");
    office.file("part 3");
    office.quiet();
    EXPECT_EQ(office.lists().size(), 1U);
    EXPECT_TRUE(has(office.shown(), "2 alike")) << office.shown();
}

TEST(SlackBatches, AListThatWasRemovedIsPostedAgainWhileSomethingIsOpen) {
    Alike office;
    auto filed = office.file_many(4);
    office.control("delete_message",
                   Value::object({{"channel", "C0APPROVALS"}, {"ts", office.the_list()["ts"]}}));
    EXPECT_EQ(office.lists().size(), 0U);
    ASSERT_TRUE(office.votes(filed[2], "U0AMY", core::Verdict::approve));
    office.quiet();
    EXPECT_TRUE(has(office.shown(), "2 alike, 1 open")) << office.shown();
}

TEST(SlackBatches, ABusyChannelGetsThemAllAtItsPace) {
    Alike office;
    constexpr std::size_t many = 45;
    std::vector<core::RequestId> filed;
    for (std::size_t i = 0; i < many; ++i) filed.push_back(office.file("part " + std::to_string(i)));
    office.quiet();
    std::size_t rows = 0;
    std::string all;
    for (const auto& list : office.lists()) all += core::canonical(list);
    for (const auto& one : filed) {
        const bool listed = has(all, one.text());
        rows += listed ? 1 : 0;
        EXPECT_NE(listed, office.cards(one).size() == 1) << one.text();
    }
    EXPECT_EQ(rows, many - 2);
    EXPECT_LE(office.lists().size(), many / core::batch_rows_max + 1);
}

}  // namespace
}  // namespace countersign::slack
