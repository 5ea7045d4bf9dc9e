// Votes that begin at a terminal: whoever is to vote is asked in their chat, and what they press there
// counts.
#include "countersign/app/vote_questions.hpp"

#include "app/conversations.hpp"

namespace countersign::test {
namespace {

using testing::HasSubstr;
using testing::SizeIs;

// A chat that puts the question before one person, as an adapter does, without drawing it.
struct Asker final : app::VoteAsker {
    explicit Asker(app::Conversation& chat) : conversation(chat) {}
    app::Conversation& conversation;
    std::vector<std::pair<core::AccountId, Reply>> asked;
    Later<std::optional<core::Refusal>> ask_vote(app::VoteAsked what, Deadline deadline) override {
        auto account = what.account;
        auto question = co_await conversation.question_of_vote(std::move(what), deadline);
        if (!question) co_return pass(question);
        if (auto* refusal = std::get_if<core::Refusal>(&*question)) co_return std::optional{*refusal};
        asked.emplace_back(std::move(account), std::get<Reply>(std::move(*question)));
        co_return std::optional<core::Refusal>{};
    }
};

struct VoteQuestions : Conversations {
    Asker asker{slack};
    app::Chats asking;
    app::VoteQuestions questions{{process.people, process.roster, asking}};

    VoteQuestions() { asking.add({core::Surface::slack, office.chat, ears, "#approvals", &asker}); }

    Result<app::VoteQuestions::Outcome> ask(const std::string& owner, core::RequestId request,
                                            Verdict verdict, std::string reason = {}) {
        return office.get(questions.ask({.owner = core::AccountId{owner},
                                         .request = request,
                                         .verdict = verdict,
                                         .reason = std::move(reason),
                                         .asked_by = "the token laptop (…ab12)"},
                                        office.soon()));
    }
    core::Why why(const Result<app::VoteQuestions::Outcome>& outcome) {
        const auto* refusal = outcome ? std::get_if<core::Refusal>(&*outcome) : nullptr;
        EXPECT_NE(refusal, nullptr);
        return refusal == nullptr ? core::Why::repeated : refusal->why;
    }
    Reply answer(const std::string& user, const Reply& question, bool agrees) {
        return get(slack.answer(act(user), std::get<app::YesNoQuestion>(question.what).question, agrees));
    }
};

TEST_F(VoteQuestions, AskingShowsTheRequestAndRecordsNothing) {
    auto request = open();
    auto outcome = ask("amy", request, Verdict::approve, "looks right");
    ASSERT_TRUE(outcome) << outcome.error().detail;
    const auto* asked = std::get_if<app::VoteQuestions::Asked>(&*outcome);
    ASSERT_NE(asked, nullptr);
    EXPECT_EQ(asked->chat, core::Surface::slack);
    EXPECT_EQ(asked->person.text(), "amy");
    ASSERT_THAT(asker.asked, SizeIs(1));
    EXPECT_EQ(asker.asked[0].first, core::AccountId{"slack:T0/U0AMY"});
    const auto& question = std::get<app::ApproveQuestion>(asker.asked[0].second.what);
    EXPECT_EQ(question.card.id, request);
    EXPECT_EQ(question.reason, "looks right");
    EXPECT_THAT(question.note, HasSubstr("the token laptop (…ab12)"));
    EXPECT_EQ(now(request)->c.version(), 1) << "nothing is recorded yet";
    EXPECT_EQ(state(request), State::pending);
}

TEST_F(VoteQuestions, WhatIsPressedThereIsTheVote) {
    auto request = open();
    ASSERT_TRUE(ask("amy", request, Verdict::approve));
    EXPECT_THAT(said(agree("U0AMY", asker.asked.at(0).second)), HasSubstr("is recorded"));
    EXPECT_EQ(state(request), State::approved);
}

TEST_F(VoteQuestions, NobodyElsesPressIsTheirVote) {
    auto request = open();
    ASSERT_TRUE(ask("amy", request, Verdict::approve));
    EXPECT_TRUE(std::holds_alternative<app::ApproveQuestion>(agree("U0BEN", asker.asked.at(0).second).what))
        << "nothing was put before ben: he is asked himself";
    EXPECT_EQ(state(request), State::pending);
}

TEST_F(VoteQuestions, EveryOtherVerdictIsAskedWithItsReasonAndCountsOnceItIsConfirmed) {
    auto request = open("db.export");
    ASSERT_TRUE(ask("amy", request, Verdict::hold, "backup runs"));
    const auto& question = std::get<app::YesNoQuestion>(asker.asked.at(0).second.what);
    EXPECT_THAT(question.lines, testing::Contains(HasSubstr("backup runs")));
    EXPECT_THAT(question.lines, testing::Contains(HasSubstr("Hold: request #")));
    EXPECT_THAT(said(answer("U0AMY", asker.asked[0].second, false)), HasSubstr("Nothing was recorded"));
    EXPECT_EQ(now(request)->c.version(), 1);
    answer("U0AMY", asker.asked[0].second, true);
    EXPECT_TRUE(now(request)->ruling.held);
    ASSERT_TRUE(ask("amy", request, Verdict::release));
    answer("U0AMY", asker.asked.at(1).second, true);
    EXPECT_FALSE(now(request)->ruling.held);
    ASSERT_TRUE(ask("amy", request, Verdict::deny, "wrong table"));
    answer("U0AMY", asker.asked.at(2).second, true);
    EXPECT_EQ(state(request), State::denied);
}

TEST_F(VoteQuestions, WhatWouldBeRefusedIsNotAsked) {
    auto own = open();
    EXPECT_EQ(why(ask("riley", own, Verdict::approve)), core::Why::self_approval);
    auto guest = ask("slack:T0/U0GST", own, Verdict::approve);
    ASSERT_FALSE(guest) << "a guest may not even read it";
    EXPECT_EQ(guest.error().trouble, Trouble::forbidden);
    EXPECT_EQ(why(ask("amy", own, Verdict::deny)), core::Why::reason_required);
    EXPECT_THAT(asker.asked, SizeIs(0));
    EXPECT_EQ(now(own)->c.version(), 1);
}

TEST_F(VoteQuestions, WhoIsInNoConnectedChatCannotBeAsked) {
    auto request = open();
    for (const char* owner : {"github:amy-dev", "teams:t/0a0b0c0d-0000-4000-8000-0000000000ff"}) {
        auto outcome = ask(owner, request, Verdict::approve);
        ASSERT_FALSE(outcome);
        EXPECT_EQ(outcome.error().code, "no_chat");
    }
}

TEST_F(VoteQuestions, AButtonIsReadOnlyAsItWasWritten) {
    auto request = open();
    auto digest = now(request)->c.request->digest;
    app::VoteQuestion question{Verdict::deny, request, digest, "two  words "};
    auto read = app::read_vote_question(question.text());
    ASSERT_TRUE(read);
    EXPECT_EQ(read->verdict, Verdict::deny);
    EXPECT_EQ(read->request, request);
    EXPECT_EQ(read->digest, digest);
    EXPECT_EQ(read->reason, "two  words ");
    question.verdict = Verdict::approve;
    EXPECT_FALSE(app::read_vote_question(question.text())) << "an approval takes a question that shows it";
    for (const char* text : {"", "deny", "deny req_what sha256:00 no", "burn it down now"})
        EXPECT_FALSE(app::read_vote_question(text)) << text;
}

TEST_F(VoteQuestions, AButtonForAnotherDigestRecordsNothing) {
    auto request = open();
    app::VoteQuestion forged{Verdict::deny, request, "sha256:" + std::string(64, '0'), "no"};
    app::Question question{app::Question::About::vote, forged.text()};
    EXPECT_THAT(said(get(slack.answer(act("U0AMY"), question, true))),
                HasSubstr("not what this request asks"));
    EXPECT_EQ(state(request), State::pending);
}

}  // namespace
}  // namespace countersign::test
