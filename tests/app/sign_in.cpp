#include "countersign/app/sign_in.hpp"

#include "app/conversations.hpp"

// Approvals that take a sign-in, as far as the chat goes: a link, which whoever pressed Approve is given.
namespace countersign::test {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

app::SignInLink link_in(const app::SignInLinks& links, const Reply& reply) {
    const auto& address = std::get<app::SignInNeeded>(reply.what).address;
    EXPECT_THAT(address, StartsWith("https://approvals.example/approve/"));
    return links.read(address.substr(address.rfind('/') + 1)).value();
}

TEST_F(Conversations, ApproveLeadsToASignInAndRecordsNothing) {
    auto request = open("gate");
    auto link = link_in(links, press("U0AMY", request));
    EXPECT_EQ(link.request, request);
    EXPECT_EQ(link.account, core::AccountId{"slack:T0/U0AMY"});
    EXPECT_EQ(link.until, office.now() + 5min);
    EXPECT_EQ(now(request)->c.version(), 1);
    EXPECT_NE(link.id, link_in(links, press("U0AMY", request)).id) << "each press has a link of its own";
}

TEST_F(Conversations, AReasonGivenBeforehandComesAlong) {
    auto request = open("gate");
    EXPECT_EQ(link_in(links, submit("U0AMY", request, Verdict::approve, "looked at it")).reason,
              "looked at it");
    auto typed = say("U0AMY", "approve " + number(request) + " read the plan");
    EXPECT_EQ(link_in(links, typed).reason, "read the plan");
    const std::string long_one(app::SignInLinks::reason_bytes_max + 1, 'x');
    EXPECT_EQ(link_in(links, submit("U0AMY", request, Verdict::approve, long_one)).reason, "");
    EXPECT_EQ(now(request)->c.version(), 1);
}

TEST_F(Conversations, WhoMayNotApproveIsGivenNoLink) {
    auto request = open("gate");
    for (const char* user : {"U0CAT", "U0DAN", "U0GST"})
        EXPECT_TRUE(std::holds_alternative<Lines>(press(user, request).what)) << user;
}

TEST_F(Conversations, DenyingTakesNoSignIn) {
    auto request = open("gate");
    EXPECT_TRUE(silent(submit("U0BEN", request, Verdict::deny, "no")));
    EXPECT_EQ(state(request), State::denied);
}

TEST_F(Conversations, WithoutAProviderThePersonIsToldWhoCanHelp) {
    auto without = parts();
    without.sign_in_links = nullptr;
    app::Conversation alone{process.runtime, without, manner(core::Surface::slack)};
    auto request = open("gate");
    auto reply = get(alone.press(act("U0AMY"), request, CardButton::approve, CardExtent::whole));
    EXPECT_THAT(said(reply), HasSubstr("identity.login"));
}

TEST(SignInLinks, OneThatIsChangedIsNone) {
    Office office;
    Process process{office};
    app::SignInLinks links{process.runtime, Secret{"a key"}, "https://approvals.example"};
    app::SignInLinks others{process.runtime, Secret{"another"}, "https://approvals.example"};
    auto request = process.open("gate")->c.request->id;
    auto address = links.make(request, core::AccountId{"slack:T0/U0AMY"}, core::Surface::slack, "a\nb");
    auto text = address.substr(address.rfind('/') + 1);
    EXPECT_EQ(links.read(text)->reason, "a\nb");
    EXPECT_FALSE(others.read(text));
    EXPECT_FALSE(links.read(text.substr(1)));
    EXPECT_FALSE(links.read(""));
    EXPECT_LT(address.size(), 3'000U) << "what a button takes";
}

}  // namespace
}  // namespace countersign::test
