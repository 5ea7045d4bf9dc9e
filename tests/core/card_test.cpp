#include "countersign/core/card.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "core/world.hpp"
#include "countersign/core/card_button.hpp"

namespace countersign::core::testing {
namespace {

using ::testing::HasSubstr;

TEST(Card, PeopleAreMentionedWhereTheChatKnowsThem) {
    Play play{requires_of({asks({{2, "security"}, {1, "dba"}})})};
    play.approve("U0AMY");
    auto view = card(play.c, decide(play.c), play.world.directory(), Surface::slack);
    EXPECT_EQ(view.version, 2);
    EXPECT_TRUE(view.requester_is_program);
    EXPECT_EQ(view.requester, (Who{"ci", std::nullopt}));
    EXPECT_EQ(view.on_behalf_of.at(0), (Who{"riley", std::nullopt}))
        << "nothing proves it, so nobody is called";
    EXPECT_FALSE(view.no_human_named);
    EXPECT_EQ(view.votes.at(0).who, (Who{"amy", slack("U0AMY")}));
    EXPECT_EQ(view.votes.at(0).counted_for, "security");
    EXPECT_EQ(view.missing.at(0).at(0).group, "security");
    EXPECT_EQ(view.missing.at(0).at(0).could_approve.at(0), (Who{"ben", slack("U0BEN")}));
    auto teams = card(play.c, decide(play.c), play.world.directory(), Surface::teams);
    EXPECT_EQ(teams.votes.at(0).who, (Who{"amy", std::nullopt}));
}

TEST(Card, ATokenIsAProgramsAndItsOwnerIsWhomItActsFor) {
    Request request = request_of({});
    request.requester = {
        Requester::Kind::person, "claude-agent", AccountId{"token:tok_1"}, {slack("U0RILEY")}};
    Play play{requires_of({asks({{1, "reviewers"}})}), request};
    auto view = card(play.c, decide(play.c), play.world.directory(), Surface::slack);
    EXPECT_TRUE(view.requester_is_program);
    EXPECT_EQ(view.requester, (Who{"claude-agent", std::nullopt}));
    EXPECT_EQ(view.acts_for, (std::vector{Who{"riley", slack("U0RILEY")}}));
    request.requester.account = slack("U0RILEY");
    Play person{requires_of({asks({{1, "reviewers"}})}), request};
    view = card(person.c, decide(person.c), person.world.directory(), Surface::slack);
    EXPECT_FALSE(view.requester_is_program);
    EXPECT_EQ(view.requester, (Who{"riley", slack("U0RILEY")}));
}

TEST(Card, ADisplayNameNeverStandsWithoutItsAccount) {
    Play play{requires_of({asks({{1, "reviewers"}})}), request_of({slack("U0DAN")})};
    auto view = card(play.c, decide(play.c), play.world.directory(), Surface::teams);
    EXPECT_EQ(view.on_behalf_of.at(0).name, "display U0DAN (slack:T0SIM/U0DAN)");
}

TEST(Card, AfterTheEndItSaysWhoDecidedAndWhen) {
    Play play{requires_of({asks({{1, "reviewers"}})})};
    play.cast("U0CAT", Verdict::hold, "look");
    EXPECT_EQ(card(play.c, decide(play.c), play.world.directory(), Surface::slack).held->reason, "look");
    play.approve("U0AMY");
    play.now += 1s;
    play.cast("U0CAT", Verdict::release);
    auto view = card(play.c, decide(play.c), play.world.directory(), Surface::slack);
    EXPECT_EQ(view.state, State::approved);
    EXPECT_EQ(view.decided_by, (Who{"cat", slack("U0CAT")}));
    EXPECT_EQ(view.decided_at, start + 1s);
    EXPECT_TRUE(view.missing.empty());
    play.command(Claim{AccountId{"token:tok_ci"}, play.c.request->digest, ""});
    play.command(Report{AccountId{"token:tok_ci"}, false, "disk full"});
    EXPECT_EQ(card(play.c, decide(play.c), play.world.directory(), Surface::slack).outcome_detail,
              "disk full");
}

TEST(Thread, EveryActHasItsLine) {
    Play play{requires_of({asks({{2, "security"}})})};
    play.cast("U0AMY", Verdict::approve, "looks right");
    play.cast("U0AMY", Verdict::withdraw);
    play.cast("U0BEN", Verdict::hold, "wait");
    play.approve("U0BEN");
    play.cast("U0AMY", Verdict::deny, "no");
    auto line = [&](std::size_t i) {
        auto found = thread_line(play.c, i, play.world.directory(), Surface::slack);
        return found.who.name + " " + found.text;
    };
    EXPECT_FALSE(has_thread_line(play.c.entries[0]));
    EXPECT_TRUE(has_thread_line(play.c.entries[1]));
    EXPECT_EQ(line(1), "amy approved for security: looks right");
    EXPECT_EQ(line(2), "amy withdrew their vote");
    EXPECT_EQ(line(3), "ben holds this request: wait");
    EXPECT_EQ(line(4), "ben approved for security, which counts once the hold is released");
    EXPECT_EQ(line(5), "amy denied this request: no");
    Play late{requires_of({asks({{1, "security"}})})};
    late.now = late.c.request->expires_at;
    late.command(Tick{});
    EXPECT_THAT(thread_line(late.c, 1, late.world.directory(), Surface::slack).text,
                HasSubstr("has expired"));
}

struct Nagging {
    explicit Nagging(std::vector<Slots> alternatives = {asks({{2, "security"}, {1, "dba"}})})
        : play{[&] {
              Applied applied = requires_of(std::move(alternatives));
              applied.remind = {1min, 3min};
              applied.escalate = Escalation{2min, {{Surface::slack, {"#sre-oncall"}}}};
              return applied;
          }()} {}
    void tick(Duration after) {
        play.now = start + after;
        play.command(Tick{});
    }
    // What is said of the newest entry of this kind, and who is called.
    template <class Kind>
    std::string line(Instant now = {}) {
        std::size_t index = 0;
        for (std::size_t i = 0; i < play.c.entries.size(); ++i)
            if (std::holds_alternative<Kind>(play.c.entries[i])) index = i;
        auto said = thread_line(play.c, index, play.world.directory(), Surface::slack, now);
        for (const Who& who : said.asks) said.text += " @" + who.name;
        return said.text;
    }
    Play play;
};

TEST(Thread, AReminderCallsWhoeverCouldApproveAndSaysWhatIsMissing) {
    Nagging office;
    office.tick(1min);
    EXPECT_EQ(office.line<Reminded>(),
              "Reminder: this still needs 2 of security and 1 of dba, and expires in 59m. @amy @cat @ben");
    EXPECT_EQ(
        office.line<Reminded>(start + 59min + 30s),
        "Reminder: this still needs 2 of security and 1 of dba, and expires within a minute. @amy @cat @ben");
    office.play.approve("U0CAT");
    office.tick(3min);
    EXPECT_EQ(office.line<Reminded>(),
              "Reminder: this still needs 2 of security, and expires in 57m. @amy @ben");
}

TEST(Thread, AReminderCallsWhomAnAbsentPersonNamedInstead) {
    Nagging office{{asks({{1, "reviewers"}})}};
    office.play.world.absences = {{slack("U0AMY"), start + 24h, slack("U0CAT")}};
    office.tick(1min);
    EXPECT_EQ(office.line<Reminded>(),
              "Reminder: this still needs 1 of reviewers, and expires in 59m. @cat @ben");
}

TEST(Thread, AReminderOfAHeldRequestCallsWhoeverMayRelease) {
    Nagging office;
    office.play.c.applied.change([](Applied& rules) { rules.release = {GroupId{"reviewers"}}; });
    office.play.cast("U0BEN", Verdict::hold, "wait");
    office.tick(2min);
    EXPECT_EQ(office.line<Reminded>(),
              "Reminder: this is on hold until somebody releases it, and expires in 58m. @ben @amy @cat");
    EXPECT_EQ(office.line<Escalated>(),
              "Escalated to #sre-oncall: nobody decided within 2m. It is on hold, and expires in 58m.");
}

TEST(Thread, AReminderThatComesTooLateIsNotSaid) {
    Nagging office{{asks({{1, "security"}})}};
    office.tick(1min);
    office.play.approve("U0AMY");
    ASSERT_EQ(office.play.state(), State::approved);
    EXPECT_EQ(office.line<Reminded>(), "");
}

TEST(Thread, AReminderCallsTenPeopleAndNoGroupCrowdsOutAnother) {
    Nagging office;
    std::vector<std::string> many;
    for (int i = 100; i < 130; ++i) {
        many.push_back("U1" + std::to_string(i));
        office.play.world.user(many.back(), AccountClass::member);
    }
    office.play.world.usergroup("S0SEC", many);
    office.tick(1min);
    auto said = thread_line(office.play.c, 1, office.play.world.directory(), Surface::slack);
    EXPECT_EQ(said.asks.size(), asked_max);
    EXPECT_EQ(std::ranges::count(said.asks, "cat", &Who::name), 1);
}

TEST(Thread, AnEscalationSaysWhyItCame) {
    Nagging office;
    office.tick(2min);
    EXPECT_EQ(
        office.line<Escalated>(),
        "Escalated to #sre-oncall: nobody decided within 2m. It still needs 2 of security and 1 of dba, "
        "which only those named on the card can give, and expires in 58m.");
    office.play.cast("U0AMY", Verdict::deny, "no");
    EXPECT_EQ(office.line<Escalated>(), "Escalated to #sre-oncall: nobody decided within 2m.");
}

TEST(CardButtons, AreKnownByTheirIds) {
    std::set<Verdict> given;
    for (int i = 0; i <= static_cast<int>(CardButton::details); ++i) {
        const auto button = static_cast<CardButton>(i);
        EXPECT_EQ(parse_card_button(id_of(button)), button);
        const auto verdict = verdict_of(button);
        EXPECT_EQ(verdict.has_value(), button != CardButton::details);
        if (!verdict) continue;
        EXPECT_EQ(button_of(*verdict), button);
        EXPECT_TRUE(given.insert(*verdict).second) << "two buttons give " << name_of(*verdict);
    }
    EXPECT_FALSE(parse_card_button("withdraw")) << "no card has a button for it";
    EXPECT_FALSE(parse_card_button("Approve"));
}

}  // namespace
}  // namespace countersign::core::testing
