#include "app/conversations.hpp"

// Who may read what in a chat, and approvals that rest on what was put before people.
namespace countersign::test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

// ---- who may read

TEST_F(Conversations, AGuestReadsNothingOfWhatStandsInOtherChannels) {
    auto request = process.open("deploy")->c.request->id;
    post("#deploys", "C0DEP", request);
    for (const auto& words : {"show " + number(request), "show " + request.text(), "deny " + number(request),
                              "approve " + number(request), "cancel " + number(request)})
        EXPECT_THAT(said(say("U0GST", words)), HasSubstr("see what the channel they are in shows")) << words;
    EXPECT_EQ(said(say("U0GST", "all")), "No request is pending that you may read.");
    EXPECT_THAT(said(press("U0GST", request, CardButton::details)), HasSubstr("see what the channel"));
    EXPECT_EQ(now(request)->c.version(), 1);
    press("U0AMY", request);
    EXPECT_THAT(said(press("U0GST", request, CardButton::deny)), Not(HasSubstr("amy"))) << "nor how it ended";
}

TEST_F(Conversations, AGuestReadsInAChannelWhatItsCardShowsAndNoMore) {
    auto request = open();
    post("#deploys", "C0DEP", request);
    EXPECT_TRUE(
        std::holds_alternative<app::PrivateCard>(say_in("C0DEP", "U0GST", "show " + number(request)).what));
    EXPECT_TRUE(std::holds_alternative<app::RequestList>(say_in("C0DEP", "U0GST", "all").what));
    EXPECT_EQ(said(say_in("C0OTHER", "U0GST", "all")), "No request is pending that you may read.");
    auto inside = act("U0GST");
    inside.channel = "C0DEP";
    EXPECT_THAT(said(get(slack.press(inside, request, CardButton::details, CardExtent::whole))),
                HasSubstr("and no more"));
    fits = false;
    for (auto extent : {CardExtent::part, CardExtent::unknown}) {
        auto reply = get(slack.press(inside, request, CardButton::approve, extent));
        EXPECT_THAT(said(reply), HasSubstr("Guests of a workspace cannot vote"));
    }
    EXPECT_EQ(state(request), State::pending);
}

TEST_F(Conversations, WhoWasShownNothingApprovesNothingEvenIfTheyMayVoteByThen) {
    auto request = open();
    post("#deploys", "C0DEP", request);
    auto inside = act("U0GST");
    inside.channel = "C0DEP";
    // They become a full member, and one of those who may approve, between the look and the vote.
    bool judged = false;
    office.store.fault = [&](std::string_view call) -> std::optional<Failure> {
        if (call != "append" || std::exchange(judged, true)) return std::nullopt;
        office.accounts.user("U0GST");
        office.accounts.group("S0SEC", {"U0AMY", "U0GST"});
        office.accounts.publish_all();
        return Failure{Trouble::unavailable, "judge again", std::string(app::links_moved), {}};
    };
    auto reply = get(slack.press(inside, request, CardButton::approve, CardExtent::part));
    EXPECT_THAT(said(reply), HasSubstr("not what this request asks for"));
    EXPECT_EQ(state(request), State::pending);
}

TEST_F(Conversations, WhereThePolicySaysWhoMayReadOthersReadInItsChannelAlone) {
    auto request = open("pay");
    post("#approvals", "C0APP", request);
    EXPECT_THAT(said(say("U0DAN", "show " + number(request))), HasSubstr("The policy says who may read"));
    EXPECT_EQ(said(say("U0DAN", "all")), "No request is pending that you may read.");
    EXPECT_THAT(said(press("U0DAN", request, CardButton::details)),
                HasSubstr("The policy says who may read"));
    for (const char* user : {"U0CAT", "U0REQ", "U0AMY"})
        EXPECT_TRUE(std::holds_alternative<app::PrivateCard>(say(user, "show " + number(request)).what))
            << user;
    auto inside = act("U0DAN");
    inside.channel = "C0APP";
    EXPECT_TRUE(std::holds_alternative<app::FullView>(
        get(slack.press(inside, request, CardButton::details, CardExtent::whole)).what));
}

TEST_F(Conversations, WhoCannotBeLookedUpIsShownNothing) {
    auto request = open();
    office.accounts.reachable = false;
    office.pass(1h);
    EXPECT_THAT(said(say("U0AMY", "show " + number(request))), HasSubstr("in trouble right now"));
    EXPECT_THAT(said(press("U0AMY", request, CardButton::details)), HasSubstr("cannot be shown right now"));
}

// ---- approving by words

TEST_F(Conversations, ApprovingByWordsShowsTheRequestAndAsksOnceMore) {
    auto request = open();
    auto reply = say("U0AMY", "approve " + number(request) + " looks right");
    const auto* question = std::get_if<app::ApproveQuestion>(&reply.what);
    ASSERT_NE(question, nullptr) << said(reply);
    EXPECT_EQ(question->card.id, request);
    EXPECT_EQ(question->reason, "looks right");
    EXPECT_TRUE(question->whole);
    EXPECT_EQ(now(request)->c.version(), 1) << "nothing is recorded yet";
    EXPECT_THAT(said(agree("U0AMY", reply)), HasSubstr("is recorded"));
    EXPECT_EQ(state(request), State::approved);
    EXPECT_EQ(now(request)->ruling.votes.at(0).reason, "looks right");
}

TEST_F(Conversations, ThePressThatComesTwiceIsOneVote) {
    auto request = open("db.export");
    auto reply = say("U0AMY", "approve " + number(request));
    auto once = act("U0AMY");
    EXPECT_THAT(said(agree(once, reply)), HasSubstr("is recorded"));
    EXPECT_THAT(said(agree(once, reply)), HasSubstr("is recorded"));
    EXPECT_EQ(now(request)->c.version(), 2);
}

TEST_F(Conversations, WhatHasGoneOnSinceIsShownAndAskedAgain) {
    auto request = open("db.export");
    auto reply = say("U0AMY", "approve " + number(request));
    submit("U0CAT", request, Verdict::hold, "wait a moment");
    auto again = agree("U0AMY", reply);
    const auto* question = std::get_if<app::ApproveQuestion>(&again.what);
    ASSERT_NE(question, nullptr) << said(again);
    EXPECT_THAT(question->note, HasSubstr("Something has happened"));
    EXPECT_EQ(question->card.version, 2);
    EXPECT_EQ(now(request)->c.version(), 2);
    EXPECT_THAT(said(agree("U0AMY", again)), HasSubstr("recorded"));
}

TEST_F(Conversations, AButtonOfWhatWasNeverPutBeforeThemApprovesNothing) {
    auto request = open();
    auto reply = say("U0AMY", "approve " + number(request));
    EXPECT_TRUE(std::holds_alternative<app::ApproveQuestion>(agree("U0BEN", reply).what))
        << "it was amy's: ben is asked himself";
    auto other = act("U0AMY");
    other.shown_digest = "sha256:" + std::string(64, '0');
    EXPECT_TRUE(
        std::holds_alternative<app::ApproveQuestion>(get(slack.approve_asked(other, request, 1, {})).what));
    shown_before.all.clear();
    EXPECT_TRUE(std::holds_alternative<app::ApproveQuestion>(agree("U0AMY", reply).what));
    EXPECT_EQ(state(request), State::pending);
    shown_before.down = true;
    EXPECT_THAT(said(agree("U0AMY", reply)), HasSubstr("NOT recorded"));
    EXPECT_THAT(said(say("U0AMY", "approve " + number(request))), HasSubstr("NOT recorded"));
    EXPECT_EQ(state(request), State::pending);
}

TEST_F(Conversations, WhatWasShownOutlivesTheProcess) {
    auto request = open();
    auto reply = say("U0AMY", "approve " + number(request));
    Process other{office};
    app::Conversation restarted{
        other.runtime,
        {other.requests, linking, other.voting_tokens, other.roster, office.store, shown_before},
        manner(core::Surface::slack)};
    auto pressed = act("U0AMY");
    pressed.shown_digest = now(request)->c.request->digest;
    EXPECT_THAT(said(get(restarted.approve_asked(pressed, request, 1, {}))), HasSubstr("is recorded"));
}

TEST_F(Conversations, WhoCannotApproveIsRefusedAtOnceAndThatIsOnRecord) {
    auto request = open();
    std::vector<std::string> refused;
    process.counters.heard = [&](std::string_view what, std::string_view why) {
        if (what == "vote_refused") refused.emplace_back(why);
    };
    EXPECT_THAT(said(say("U0REQ", "approve " + number(request))), HasSubstr("You are behind this request"));
    EXPECT_THAT(said(say("U0DAN", "approve " + number(request))), HasSubstr("Only members of security"));
    EXPECT_THAT(refused, ElementsAre("self_approval", "not_eligible"));
    press("U0AMY", request);
    EXPECT_THAT(said(say("U0BEN", "approve " + number(request))), HasSubstr("already approved"));
}

TEST_F(Conversations, PagesThatWereSeenAreRememberedForTheSameRequestAndLayout) {
    auto request = open();
    auto card = slack.card_of(*now(request));
    auto seen = [&](const core::CardView& of, std::size_t pages) {
        return office.get(kept_number(slack.pages_seen(of, core::AccountId{"slack:T0/U0AMY"}, pages)))
            .value();
    };
    EXPECT_EQ(seen(card, 3), 0U);
    office.get(kept_nothing(slack.showed_page(card, core::AccountId{"slack:T0/U0AMY"}, 2, 3)));
    EXPECT_EQ(seen(card, 3), 2U);
    EXPECT_EQ(seen(card, 4), 0U);
    card.digest = "sha256:other";
    EXPECT_EQ(seen(card, 3), 0U);
}

TEST_F(Conversations, WhereTheResourcesNameIsToBeTypedTheDialogAsksForIt) {
    auto request = process.try_open(with_resource("drop", "orders"), process.caller())->now->c.request->id;
    auto reply = press("U0AMY", request);
    const auto* dialog = std::get_if<app::ReasonDialog>(&reply.what);
    ASSERT_NE(dialog, nullptr) << said(reply);
    EXPECT_EQ(dialog->resource, "orders");
    EXPECT_FALSE(dialog->needs_reason);
    auto typed = [&](const char* name) {
        auto done = act("U0AMY");
        done.typed_resource = name;
        return get(slack.submit(done, request, Verdict::approve, "", CardExtent::whole));
    };
    EXPECT_EQ(std::get<Lines>(typed("order").what).wrong, Lines::Wrong::resource);
    EXPECT_EQ(state(request), State::pending);
    EXPECT_TRUE(silent(typed("orders")));
    EXPECT_EQ(state(request), State::approved);
}

TEST_F(Conversations, AQuestionWhoseAnswerTakesTheResourcesNameOpensTheDialog) {
    auto request = process.try_open(with_resource("drop", "orders"), process.caller())->now->c.request->id;
    auto reply = agree("U0AMY", say("U0AMY", "approve " + number(request)));
    ASSERT_TRUE(std::holds_alternative<app::ReasonDialog>(reply.what)) << said(reply);
    EXPECT_EQ(std::get<app::ReasonDialog>(reply.what).resource, "orders");
}

}  // namespace
}  // namespace countersign::test
