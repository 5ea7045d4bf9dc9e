#include "app/conversations.hpp"

// What people say and click, and what they are answered, without any chat.
namespace countersign::test {
namespace {

using app::Question;
using app::Reply;
using core::State;
using core::Value;
using core::Verdict;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;
using testing::SizeIs;

// ---- buttons

TEST_F(Conversations, AClickIsAVoteAndTheCardTellsTheRest) {
    auto request = open();
    EXPECT_TRUE(silent(press("U0AMY", request)));
    EXPECT_EQ(state(request), State::approved);
    EXPECT_EQ(now(request)->ruling.votes.at(0).via, core::Surface::slack);
}

TEST_F(Conversations, ARefusalIsToldAndChangesNothing) {
    auto request = open();
    EXPECT_THAT(said(press("U0REQ", request)), HasSubstr("You are behind this request"));
    EXPECT_EQ(now(request)->c.version(), 1);
}

TEST_F(Conversations, TheSameActTwiceIsOneVote) {
    auto request = open("db.export");
    auto once = act("U0AMY");
    EXPECT_TRUE(silent(get(slack.press(once, request, CardButton::approve, CardExtent::whole))));
    EXPECT_TRUE(silent(get(slack.press(once, request, CardButton::approve, CardExtent::whole))));
    EXPECT_EQ(now(request)->c.version(), 2);
}

TEST_F(Conversations, DenyAndHoldAskForAReasonFirst) {
    auto request = open();
    for (auto [button, verdict] :
         {std::pair{CardButton::deny, Verdict::deny}, {CardButton::hold, Verdict::hold}}) {
        auto reply = press("U0AMY", request, button);
        const auto* dialog = std::get_if<app::ReasonDialog>(&reply.what);
        ASSERT_NE(dialog, nullptr);
        EXPECT_EQ(dialog->verdict, verdict);
    }
    EXPECT_EQ(now(request)->c.version(), 1);
    EXPECT_TRUE(silent(submit("U0AMY", request, Verdict::deny, " not now ")));
    EXPECT_EQ(state(request), State::denied);
    EXPECT_EQ(now(request)->ruling.reason, "not now");
}

TEST_F(Conversations, ApproveAsksForTheReasonThatThePolicyWants) {
    auto asked = Process::ask("careful");
    asked.parameters = Value::object({{"authors", Value::Array{"ben"}}});
    auto request = process.try_open(asked, process.caller())->now->c.request->id;
    auto reply = press("U0AMY", request);
    const auto* dialog = std::get_if<app::ReasonDialog>(&reply.what);
    ASSERT_NE(dialog, nullptr) << said(reply);
    EXPECT_EQ(dialog->verdict, Verdict::approve);
    EXPECT_FALSE(dialog->own);
    EXPECT_EQ(state(request), State::pending);
    auto again = submit("U0AMY", request, Verdict::approve, "  ");
    EXPECT_EQ(std::get<Lines>(again.what).wrong, Lines::Wrong::reason);
    EXPECT_THAT(said(press("U0BEN", request)),
                HasSubstr("names you as somebody whose approval does not count"));
    EXPECT_TRUE(silent(submit("U0AMY", request, Verdict::approve, "read the plan")));
    EXPECT_EQ(state(request), State::approved);
}

TEST_F(Conversations, ACardThatSomebodyAsksForSaysWhatWasApprovedBefore) {
    auto file = [&](int rows) {
        auto asked = Process::ask("deploy");
        asked.parameters = Value::object({{"rows", rows}});
        return process.try_open(asked, process.caller())->now->c.request->id;
    };
    auto first = file(1);
    auto alone = say("U0AMY", "show " + number(first));
    EXPECT_FALSE(std::get<app::PrivateCard>(alone.what).card.before);
    EXPECT_TRUE(silent(press("U0AMY", first)));
    auto second = file(2);
    auto compared = say("U0AMY", "show " + number(second));
    const auto& before = std::get<app::PrivateCard>(compared.what).card.before;
    ASSERT_TRUE(before);
    EXPECT_EQ(before->approved_by.name, "amy");
    EXPECT_EQ(before->number, now(first)->c.request->number);
    EXPECT_EQ((*before->parameters)["rows"].whole(), 1);
    auto view =
        office.get(slack.look_and_compare(second, core::AccountId{"slack:T0/U0BEN"}, {}, office.soon()));
    EXPECT_TRUE(view && view->card.before);
    auto ended = say("U0AMY", "show " + number(first));
    EXPECT_FALSE(std::get<app::PrivateCard>(ended.what).card.before) << "there is nothing to decide";
}

TEST_F(Conversations, ADialogNamesTheRequest) {
    auto request = open();
    auto reply = press("U0AMY", request, CardButton::deny);
    EXPECT_EQ(std::get<app::ReasonDialog>(reply.what).number, now(request)->c.request->number);
    EXPECT_THAT(std::get<app::ReasonDialog>(reply.what).about, HasSubstr("deploy → "));
}

TEST_F(Conversations, ADecisionTakenMeanwhileIsToldInsteadOfAskingWhy) {
    auto request = open();
    press("U0AMY", request);
    for (auto button : {CardButton::deny, CardButton::hold})
        EXPECT_THAT(said(press("U0BEN", request, button)), HasSubstr("Approved by amy"));
}

TEST_F(Conversations, ReleaseEndsAHoldByItsButton) {
    auto request = open();
    submit("U0BEN", request, Verdict::hold, "wait");
    press("U0AMY", request);
    EXPECT_THAT(said(press("U0AMY", request, CardButton::release)), HasSubstr("can release it"));
    EXPECT_EQ(state(request), State::pending);
    EXPECT_TRUE(silent(press("U0BEN", request, CardButton::release)));
    EXPECT_EQ(state(request), State::approved);
}

TEST_F(Conversations, AnApprovalOfWhatDidNotAllStandThereIsAnsweredWithTheFullView) {
    auto request = open();
    auto reply = submit("U0AMY", request, Verdict::approve, "fine", CardExtent::part);
    ASSERT_TRUE(std::holds_alternative<app::FullView>(reply.what));
    EXPECT_EQ(state(request), State::pending);
}

TEST_F(Conversations, AReasonOfBlanksIsAskedForAgain) {
    auto request = open();
    auto reply = submit("U0AMY", request, Verdict::deny, "  ");
    ASSERT_TRUE(std::holds_alternative<Lines>(reply.what));
    EXPECT_EQ(std::get<Lines>(reply.what).wrong, Lines::Wrong::reason);
    EXPECT_EQ(state(request), State::pending);
}

TEST_F(Conversations, ALostRaceIsToldWithoutAskingAgain) {
    auto request = open();
    press("U0AMY", request);
    auto reply = submit("U0BEN", request, Verdict::deny, "too late");
    EXPECT_THAT(said(reply), HasSubstr("already approved"));
    EXPECT_EQ(std::get<Lines>(reply.what).wrong, Lines::Wrong::nothing);
}

TEST_F(Conversations, WhatDidNotStandOnTheCardIsApprovedFromTheFullView) {
    auto request = open();
    auto reply = press("U0AMY", request, CardButton::approve, CardExtent::part);
    ASSERT_TRUE(std::holds_alternative<app::FullView>(reply.what));
    EXPECT_TRUE(std::get<app::FullView>(reply.what).can_approve);
    EXPECT_EQ(state(request), State::pending);
    EXPECT_TRUE(silent(submit("U0AMY", request, Verdict::approve, "")));
    EXPECT_EQ(state(request), State::approved);
}

TEST_F(Conversations, WhetherAnOldCardShowedEverythingIsForTheChatToSay) {
    auto request = open();
    fits = false;
    auto reply = press("U0AMY", request, CardButton::approve, CardExtent::unknown);
    EXPECT_TRUE(std::holds_alternative<app::FullView>(reply.what));
    EXPECT_EQ(state(request), State::pending);
    fits = true;
    EXPECT_TRUE(silent(press("U0AMY", request, CardButton::approve, CardExtent::unknown)));
    EXPECT_EQ(state(request), State::approved);
}

TEST_F(Conversations, DetailsOfADecidedRequestCannotBeApproved) {
    auto request = open();
    press("U0AMY", request);
    auto reply = press("U0BEN", request, CardButton::details);
    ASSERT_TRUE(std::holds_alternative<app::FullView>(reply.what));
    EXPECT_FALSE(std::get<app::FullView>(reply.what).can_approve);
    EXPECT_THAT(said(press("U0BEN", core::RequestId{core::RequestId::Bytes{}}, CardButton::details)),
                HasSubstr("not known here"));
}

// ---- trouble

TEST_F(Conversations, AnUnknownOutcomeIsReadBackAndCountsOnce) {
    auto request = open("db.export");
    int asked = 0;
    office.store.fault = [&](std::string_view call) -> std::optional<Failure> {
        if (call != "append" || asked++ > 0) return std::nullopt;
        return Failure{Trouble::timed_out, "unknown", {}, {}};
    };
    EXPECT_TRUE(silent(press("U0AMY", request)));
    EXPECT_EQ(asked, 2);
    EXPECT_EQ(now(request)->ruling.votes.size(), 1U);
}

TEST_F(Conversations, ALateVoteIsCountedAndSaidToBeLate) {
    auto request = open("db.export");
    auto late = act("U0AMY");
    late.answer_by = office.now() - 1ms;
    auto reply = get(slack.press(std::move(late), request, CardButton::approve, CardExtent::whole));
    EXPECT_TRUE(reply.late);
    EXPECT_THAT(said(reply), testing::StartsWith("It took long, but: Your approval of #"));
    EXPECT_EQ(now(request)->ruling.votes.size(), 1U);
}

TEST_F(Conversations, AVoteThatWasNotRecordedIsNeverSaidToBe) {
    auto request = open();
    office.store.fault = [](std::string_view call) -> std::optional<Failure> {
        if (call != "append") return std::nullopt;
        return Failure{Trouble::unavailable, "down", {}, {}};
    };
    EXPECT_THAT(said(press("U0AMY", request)), HasSubstr("NOT recorded"));
    office.store.fault = {};
    auto asked = say("U0AMY", "approve " + number(request));
    office.store.fault = [](std::string_view call) -> std::optional<Failure> {
        if (call != "append") return std::nullopt;
        return Failure{Trouble::unavailable, "down", {}, {}};
    };
    EXPECT_THAT(said(agree("U0AMY", asked)), HasSubstr("NOT recorded"));
    auto reply = submit("U0AMY", request, Verdict::hold, "wait");
    EXPECT_EQ(std::get<Lines>(reply.what).wrong, Lines::Wrong::reason);
    office.store.fault = {};
    EXPECT_EQ(now(request)->c.version(), 1);
}

TEST_F(Conversations, WhoeverClicksWaitsForTheDatabaseUntilTheChatWantsAnAnswer) {
    auto request = open();
    auto show = "show " + number(request);
    auto down_for = [&](core::Duration length) {
        auto until = office.now() + length;
        office.store.fault = [this, until](std::string_view) -> std::optional<Failure> {
            if (office.now() >= until) return std::nullopt;
            return Failure{Trouble::unavailable, "down", {}, {}};
        };
    };
    down_for(1500ms);
    auto reply = press("U0AMY", request, CardButton::deny);
    EXPECT_TRUE(std::holds_alternative<app::ReasonDialog>(reply.what)) << said(reply);
    down_for(1500ms);
    reply = press("U0AMY", request, CardButton::details);
    EXPECT_TRUE(std::holds_alternative<app::FullView>(reply.what)) << said(reply);
    down_for(1500ms);
    reply = say("U0AMY", "all");
    EXPECT_TRUE(std::holds_alternative<app::RequestList>(reply.what)) << said(reply);
    down_for(1500ms);
    reply = say("U0AMY", show);
    EXPECT_TRUE(std::holds_alternative<app::PrivateCard>(reply.what)) << said(reply);
    down_for(1h);
    auto began = office.now();
    reply = press("U0AMY", request);
    EXPECT_THAT(said(reply), HasSubstr("NOT recorded"));
    EXPECT_FALSE(reply.late);
    EXPECT_GT(office.now() - began, 1500ms);
    down_for(1500ms);
    EXPECT_TRUE(silent(press("U0AMY", request)));
    EXPECT_EQ(now(request)->ruling.state, State::approved);
}

TEST_F(Conversations, WhatMayHaveBeenRecordedIsNotDeniedWhenTheDatabaseStaysAway) {
    auto request = open();
    int asked = 0;
    office.store.fault = [&](std::string_view call) -> std::optional<Failure> {
        if (call != "append") return std::nullopt;
        return Failure{asked++ == 0 ? Trouble::timed_out : Trouble::unavailable, "gone", {}, {}};
    };
    EXPECT_THAT(said(press("U0AMY", request)), HasSubstr("not known yet whether your vote was recorded"));
}

// ---- commands

TEST_F(Conversations, ListsSayWhatWaitsForWhom) {
    auto request = open();
    auto listed = [&](const char* user, const char* words) {
        auto reply = say(user, words);
        const auto* list = std::get_if<app::RequestList>(&reply.what);
        return list == nullptr ? std::vector<core::RequestId>{}
                               : std::vector<core::RequestId>{list->items.at(0).summary.id};
    };
    EXPECT_THAT(listed("U0AMY", ""), ElementsAre(request));
    EXPECT_EQ(said(say("U0REQ", "list")), "Nothing waits for you.");
    EXPECT_THAT(listed("U0REQ", "mine"), ElementsAre(request));
    EXPECT_EQ(said(say("U0AMY", "mine")), "You are behind none of the latest requests.");
    EXPECT_THAT(listed("U0DAN", "all"), ElementsAre(request));
}

TEST_F(Conversations, ARequestIsShownByItsNumberOrItsId) {
    auto request = open();
    for (const auto& words :
         {"show " + number(request), "show #" + number(request), "SHOW " + request.text()}) {
        auto reply = say("U0AMY", words);
        ASSERT_TRUE(std::holds_alternative<app::PrivateCard>(reply.what)) << words;
        EXPECT_EQ(std::get<app::PrivateCard>(reply.what).card.id, request);
    }
    EXPECT_EQ(said(say("U0AMY", "show 999999")), "There is no request #999999.");
    EXPECT_EQ(said(say("U0AMY", "show me")), "\"me\" is no request's number.");
    EXPECT_EQ(said(say("U0AMY", "show")), "Say which request: /approvals show 1042");
}

TEST_F(Conversations, VotesByCommandAreAnsweredWithWhatIsStillNeeded) {
    auto request = open("db.export");
    EXPECT_EQ(
        said(agree("U0AMY", say("U0AMY", "approve " + number(request) + " looks right"))),
        "Your approval of #" + number(request) + " is recorded. Still needed: 1 of security, 1 of dba.");
    EXPECT_EQ(now(request)->ruling.votes.at(0).reason, "looks right");
    EXPECT_THAT(said(say("U0CAT", "deny " + number(request))), HasSubstr("Say why"));
    EXPECT_THAT(said(say("U0CAT", "hold " + number(request) + " let me look")), HasSubstr("on hold"));
    EXPECT_THAT(said(say("U0CAT", "release " + number(request))), HasSubstr("recorded"));
    EXPECT_THAT(said(say("U0AMY", "withdraw " + number(request))), HasSubstr("withdrawal"));
}

TEST_F(Conversations, WhatDoesNotFitAMessageIsNotApprovedByCommand) {
    auto request = open();
    fits = false;
    auto reply = say("U0AMY", "approve " + number(request));
    ASSERT_TRUE(std::holds_alternative<app::ApproveQuestion>(reply.what));
    EXPECT_FALSE(std::get<app::ApproveQuestion>(reply.what).whole);
    EXPECT_EQ(state(request), State::pending);
}

TEST_F(Conversations, OnlyPeopleBehindARequestCancelIt) {
    auto request = open();
    say("U0AMY", "cancel " + number(request));
    EXPECT_EQ(state(request), State::pending);
    EXPECT_EQ(said(say("U0REQ", "cancel " + number(request) + " mistake")),
              "Request #" + number(request) + " is cancelled.");
    EXPECT_EQ(now(request)->ruling.reason, "mistake");
}

TEST_F(Conversations, HelpNamesTheCommandOfEachChat) {
    EXPECT_THAT(said(say("U0AMY", "help")), HasSubstr("/approvals approve N [reason]"));
    EXPECT_EQ(said(say("U0AMY", "frobnicate")),
              "\"frobnicate\" is no command. There are these:\n" + said(say("U0AMY", "help")));
    EXPECT_THAT(app::command_help(core::Surface::teams),
                Contains(HasSubstr("@Countersign approve N [reason]: ")));
    app::Conversation teams{process.runtime, parts(), manner(core::Surface::teams)};
    EXPECT_EQ(said(get(teams.command(act("U0AMY"), app::read_command("approve")))),
              "Say which request: @Countersign approve 1042");
}

TEST_F(Conversations, AMistypedWordIsAnsweredWithTheNearestOne) {
    EXPECT_EQ(said(say("U0AMY", "aprove 12 looks right")),
              "\"aprove\" is no command. Did you mean:  /approvals approve 12 looks right");
    EXPECT_EQ(said(say("U0AMY", "hlep")), "\"hlep\" is no command. Did you mean:  /approvals help");
    EXPECT_EQ(said(say("U0AMY", "den\u202E 3")).find("\u202E"), std::string::npos);
}

TEST_F(Conversations, ANumberAloneShowsTheRequest) {
    auto request = open();
    EXPECT_TRUE(std::holds_alternative<app::PrivateCard>(say("U0AMY", "#" + number(request)).what));
}

TEST(CommandWords, ArePartedByWhateverPeopleTypeBetweenThem) {
    for (const char* typed :
         {"approve\u00A012\u00A0looks right", "\u3000Approve\u3000#12,\u3000looks right\u3000",
          "\r\napprove\r\n12\r\nlooks right\r\n", "APPROVE:\t12.\u2003looks right",
          "\uFEFFapprove 12: looks right"}) {
        auto words = app::read_command(typed);
        EXPECT_EQ(words.verb, "approve") << typed;
        EXPECT_EQ(words.number, "12") << typed;
        EXPECT_EQ(words.rest, "looks right") << typed;
    }
    EXPECT_EQ(app::read_command("\u00A0\u3000").verb, "list");
    EXPECT_EQ(app::read_command("12").verb, "show");
    EXPECT_EQ(app::read_command("12").number, "12");
    EXPECT_EQ(app::read_command("#12,").verb, "show");
    // Some keyboards type signs of twice the width, and chats and texts put marks around a number.
    for (const char* typed : {"show １２", "ｓｈｏｗ　＃１２", "show `12`", "show *12*", "show (#12)",
                              "show \"12\".", "show <12>"}) {
        EXPECT_EQ(app::read_command(typed).verb, "show") << typed;
        EXPECT_EQ(app::read_command(typed).number, "12") << typed;
    }
    EXPECT_EQ(app::read_command("＃１２").verb, "show");
    EXPECT_EQ(app::read_command("show \xEF\xBC").number, "\xEF\xBC") << "half a sign stays what it is";
    // Marks inside words stay.
    EXPECT_EQ(app::read_command("deny 12 no, not now!").rest, "no, not now!");
}

TEST(CommandWords, AreAVerbANumberAndTheRest) {
    auto words = app::read_command("  Approve  #1042   looks \n right ");
    EXPECT_EQ(words.verb, "approve");
    EXPECT_EQ(words.number, "1042");
    EXPECT_EQ(words.rest, "looks \n right");
    EXPECT_EQ(app::read_command("").verb, "list");
    EXPECT_TRUE(app::takes_long(app::read_command("link 7K2M-ABCDE-FGHJK")));
    EXPECT_FALSE(app::takes_long(app::read_command("link")));
}

// ---- links, absences, tokens

TEST_F(Conversations, TwoAccountsAreLinkedOnceBothSidesAgreed) {
    auto code = said(say("U0REQ", "link"));
    auto at = code.find("/approvals link ");
    ASSERT_NE(at, code.npos) << code;
    auto typed = code.substr(at + 16, 16);
    auto asked = say("U0DAN", "link " + typed);
    const auto* question = std::get_if<app::YesNoQuestion>(&asked.what);
    ASSERT_NE(question, nullptr) << said(asked);
    EXPECT_EQ(question->question.about, Question::About::link);
    ASSERT_THAT(ears.heard, SizeIs(1));
    EXPECT_EQ(ears.heard[0].first, core::AccountId{"slack:T0/U0REQ"});
    EXPECT_EQ(ears.heard[0].second.lines, question->lines);
    auto answer = [&](const char* user, bool agrees) {
        return said(get(slack.answer(act(user), question->question, agrees)));
    };
    EXPECT_THAT(answer("U0DAN", true), HasSubstr("once the other side agrees"));
    EXPECT_THAT(answer("U0AMY", true), HasSubstr("Not linked"));
    EXPECT_THAT(answer("U0REQ", true), HasSubstr("count as one person"));
    EXPECT_EQ(process.roster.snapshot()->person_of(core::AccountId{"slack:T0/U0DAN"}),
              core::PersonId{"riley"});
}

TEST_F(Conversations, ACodeThatIsNoneLinksNobody) {
    EXPECT_THAT(said(say("U0DAN", "link what")), HasSubstr("Not linked: this is no code"));
    EXPECT_TRUE(ears.heard.empty());
}

TEST_F(Conversations, WhoIsAwayNamesWhoIsAskedInstead) {
    auto day = core::rfc3339(office.now() + std::chrono::days{7}).substr(0, 10);
    EXPECT_THAT(said(say("U0AMY", "away until " + day + " @ben")), HasSubstr("Cards ask others, ben first"));
    EXPECT_THAT(said(say("U0AMY", "away")), HasSubstr("You are away until " + day));
    EXPECT_EQ(said(say("U0AMY", "away until " + day + " !U0AMY")), "!U0AMY is you. Nothing was changed.");
    EXPECT_THAT(said(say("U0AMY", "away until " + day + " @nobody")), HasSubstr("Nothing was changed"));
    EXPECT_THAT(said(say("U0AMY", "away Until\u00A0" + day + ",  @cat")),
                HasSubstr("Cards ask others, cat first"));
    EXPECT_EQ(said(say("U0AMY", "away off")), "Welcome back.");
    EXPECT_THAT(said(say("U0AMY", "away")), HasSubstr("You are here"));
    EXPECT_THAT(said(say("U0AMY", "away until monday")), HasSubstr("Say until which day"));
}

TEST_F(Conversations, WhoCanNeverVoteStandsInForNobody) {
    auto day = core::rfc3339(office.now() + std::chrono::days{7}).substr(0, 10);
    auto asked = [&](const std::string& user) {
        return said(say("U0AMY", "away until " + day + " !" + user));
    };
    for (auto [user, klass, why] : {std::tuple{"U0G", core::AccountClass::guest, "guests cannot"},
                                    std::tuple{"U0X", core::AccountClass::deleted, "deactivated"},
                                    std::tuple{"U0B", core::AccountClass::bot, "bots cannot"}}) {
        office.accounts.user(user, klass);
        EXPECT_THAT(asked(user), HasSubstr(why));
    }
    EXPECT_THAT(asked("U0NOBODY"), HasSubstr("can never vote"));
    office.accounts.user("U0ERIN", core::AccountClass::member);
    EXPECT_EQ(asked("U0ERIN"),
              "!U0ERIN is in no group of the policy, and so can never vote. Nothing was changed.");
    EXPECT_THAT(said(say("U0AMY", "away")), HasSubstr("You are here"));
}

TEST(AwayWords, SayForEachDayWhyNot) {
    auto now = *core::parse_rfc3339("2026-11-20T10:00:00Z");
    auto why = [&](std::string_view words) { return app::read_away(words, now).problem; };
    EXPECT_EQ(why("until 2026-11-20"), "2026-11-20 is not ahead: it is 2026-11-20 (UTC).");
    EXPECT_EQ(why("until 2025-01-01"), "2025-01-01 is not ahead: it is 2026-11-20 (UTC).");
    EXPECT_EQ(why("until 2028-01-01"), "2028-01-01 is more than a year ahead.");
    EXPECT_EQ(why("until 2026-02-30"), "There is no 2026-02-30 in the calendar.");
    EXPECT_EQ(why("until 2026-13-01"), "There is no 2026-13-01 in the calendar.");
    EXPECT_EQ(why("until monday"), "\"monday\" is no day as it is written here, like 2026-11-27.");
    EXPECT_EQ(why("until 3.12.2026"), "\"3.12.2026\" is no day as it is written here, like 2026-11-27.");
    EXPECT_EQ(why("until"), "The day is missing.");
    EXPECT_EQ(why("until 2026-12-03 a b"), "What follows a is too much.");
    EXPECT_EQ(why("UNTIL 2026-12-03,"), "");
}

TEST(AwayWords, AreADayAheadOrNothing) {
    using app::AwayWords;
    auto now = *core::parse_rfc3339("2026-11-20T10:00:00Z");
    EXPECT_EQ(app::read_away("until 2026-12-03", now).until, *core::parse_rfc3339("2026-12-03T00:00:00Z"));
    EXPECT_EQ(app::read_away("2026-12-03 @ben", now).instead, "@ben");
    EXPECT_EQ(app::read_away(" ", now).kind, AwayWords::Kind::status);
    EXPECT_EQ(app::read_away("off", now).kind, AwayWords::Kind::back);
    for (const char* wrong : {"until 2026-11-20", "until 2028-01-01", "until monday", "until 2026-13-01",
                              "until 2026-12-03 a b", "until", "whenever"})
        EXPECT_EQ(app::read_away(wrong, now).kind, AwayWords::Kind::unclear) << wrong;
}

TEST_F(Conversations, OnlyTheOwnersTokenIsConfirmed) {
    EXPECT_THAT(said(say("U0AMY", "confirm")), HasSubstr("Say which token: /approvals confirm tok_"));
    auto none = core::TokenId{core::TokenId::Bytes{}}.text();
    EXPECT_THAT(said(say("U0AMY", "confirm " + none)), HasSubstr("Nothing was changed: no token of yours"));
    EXPECT_THAT(said(get(slack.answer(act("U0AMY"), {Question::About::voting_token, "x"}, true))),
                HasSubstr("not known here"));
}

// ---- copies of cards

TEST_F(Conversations, AnUnknownCopyOfACardJoinsTheOthersOnce) {
    auto request = open();
    auto cards = [&] { return office.get(office.store.cards_of(request, office.soon())).value().size(); };
    auto saw = [&](app::MessageRef message) {
        auto seen = [](app::Conversation& talk, core::RequestId of, app::MessageRef what) -> Later<Done> {
            co_await talk.saw_card(of, std::move(what));
            co_return Done{};
        };
        EXPECT_TRUE(office.get(seen(slack, request, std::move(message))));
    };
    const auto before = cards();
    saw({"C-elsewhere", "7.7"});
    EXPECT_EQ(cards(), before + 1);
    saw({"C-elsewhere", "7.7"});
    EXPECT_EQ(cards(), before + 1);
    slack.knows_card({"C-elsewhere", "8.8"});
    saw({"C-elsewhere", "8.8"});
    EXPECT_EQ(cards(), before + 1);
}

}  // namespace
}  // namespace countersign::test
