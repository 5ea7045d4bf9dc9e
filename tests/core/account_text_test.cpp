#include "countersign/core/account_text.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/world.hpp"
#include "countersign/core/match.hpp"

// What people write for a person or an account is read in one way, and a slip is answered with what was
// meant.
namespace countersign::core::testing {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;

std::string said_to(const std::string& text) {
    auto read = read_person(text, World{}.policy);
    EXPECT_FALSE(read) << text;
    if (read) return "read as " + read->text();
    EXPECT_EQ(read.error().code, "unknown_person");
    return read.error().detail;
}
std::string read_as(const std::string& text) {
    auto read = read_person(text, World{}.policy);
    return read ? read->text() : read.error().detail;
}

TEST(AccountText, IsReadAsItIsComparedAndStored) {
    EXPECT_EQ(read_as("riley"), "riley");
    EXPECT_EQ(read_as("slack:T0SIM/U0RILEY"), "slack:T0SIM/U0RILEY");
    EXPECT_EQ(read_as("slack:U0RILEY"), "slack:U0RILEY");
    EXPECT_EQ(read_as("email:Riley@Example.com"), "email:riley@example.com");
    EXPECT_EQ(read_as("github:Riley-Dev"), "github:riley-dev");
    EXPECT_EQ(read_as("oidc:https://issuer.example|Sub"), "oidc:https://issuer.example|Sub");
    EXPECT_EQ(read_as("teams:8F0C2D4E-0000-4000-8000-1B2C3D4E5F60"),
              "teams:8f0c2d4e-0000-4000-8000-1b2c3d4e5f60");
    for (const char* text :
         {"slack:W0RILEY", "slack:E0ORG/W0RILEY",
          "teams:9f1c3a52-7d2e-4c0b-9f5e-1d2c3b4a5f60/8f0c2d4e-0000-4000-8000-1b2c3d4e5f60",
          "email:r.i-l_e+y'o@mail.example.co.uk", "email:riley@xn--bcher-kva.example", "email:a@1.example",
          "github:r", "github:octo_corp", "github:-old-", "oidc:https://login.example.com/t/v2.0|auth0|5f",
          "oidc:https://gitlab.example:8443|project_path:g/p:ref:m\u00FCnchen",
          "oidc:https://kubernetes.default.svc|system:serviceaccount:ci:deploy", "oidc:accounts.google.com|1",
          "oidc:http://issuer.local|1", "token:tok_01JD0000000000000000000000"})
        EXPECT_EQ(read_as(text), text);
}

TEST(AccountText, ALetterOfAnotherScriptIsNamed) {
    EXPECT_THAT(said_to("email:riley@ex\u0430mple.com"), HasSubstr("has the character \u0430 (U+0430)"));
    EXPECT_THAT(said_to("email:riley@ex\u00E4mple.com"), HasSubstr("has the character \u00E4 (U+00E4)"));
}

TEST(AccountText, OfNobodyIsAnsweredWithWhatWasMeant) {
    const std::vector<std::pair<std::string, std::string>> slips{
        {"riley@example.com", "email:riley@example.com"},
        {"Riley", "riley"},
        {"rilye", "riley"},
        {"@riley", "riley"},
        {"riley ", "riley"},
        {"U0RILEY", "slack:U0RILEY"},
        {"T0SIM/U0RILEY", "slack:T0SIM/U0RILEY"},
        {"slack:T0SIM/u0riley", "slack:T0SIM/U0RILEY"},
        {"slack:T0SIM/U0RILEY ", "slack:T0SIM/U0RILEY"},
        {" slack:T0SIM/U0RILEY", "slack:T0SIM/U0RILEY"},
        {"slack:T0SIM/U0RILEY\u00A0", "slack:T0SIM/U0RILEY"},
        {"slack:T0SIM/U0\u200BRILEY", "slack:T0SIM/U0RILEY"},
        {"Slack:T0SIM/U0RILEY", "slack:T0SIM/U0RILEY"},
        {"slak:T0SIM/U0RILEY", "slack:T0SIM/U0RILEY"},
        {"mailto:riley@example.com", "email:riley@example.com"},
        {"e-mail:riley@example.com", "email:riley@example.com"},
        {"github:@riley-dev", "github:riley-dev"},
        {"github:https://github.com/riley-dev", "github:riley-dev"},
        {"email:r\u0456ley@ex\u0430mple.com", "email:riley@example.com"},
        {"email:riley\uFF20example.com", "email:riley@example.com"},
        {"r\u0456ley@example.com", "email:riley@example.com"},
        {"r\u0456ley", "riley"},
        {"email:<riley@example.com>", "email:riley@example.com"},
        {"email:mailto:riley@example.com", "email:riley@example.com"},
        {"email:riley@example.com.", "email:riley@example.com"},
        {"slack:riley@example.com", "email:riley@example.com"},
        {"teams:riley@example.com", "email:riley@example.com"},
        {"github:riley@example.com", "email:riley@example.com"},
        {"slack:<@U0RILEY>", "slack:U0RILEY"},
        {"slack:<@U0RILEY|riley>", "slack:U0RILEY"},
        {"slack:U0RILEY/T0SIM", "slack:T0SIM/U0RILEY"},
        {"slack:\u0422\u041E0SIM/U0RILEY", "slack:TO0SIM/U0RILEY"},
        {"teams:8f0c2d4e000040008000"
         "1b2c3d4e5f60",
         "teams:8f0c2d4e-0000-4000-8000-1b2c3d4e5f60"},
        {"teams:{8F0C2D4E-0000-4000-8000-1B2C3D4E5F60}", "teams:8F0C2D4E-0000-4000-8000-1B2C3D4E5F60"},
        {"teams:8:orgid:8f0c2d4e-0000-4000-8000-1b2c3d4e5f60", "teams:8f0c2d4e-0000-4000-8000-1b2c3d4e5f60"},
        {"token:01JD0000000000000000000000", "token:tok_01JD0000000000000000000000"},
        {"token:tok_01jd0000000000000000000000", "token:tok_01JD0000000000000000000000"},
        {"tok_01JD0000000000000000000000", "token:tok_01JD0000000000000000000000"}};
    for (const auto& [slip, meant] : slips)
        EXPECT_THAT(said_to(slip), EndsWith("did you mean \"" + meant + "\"?")) << slip;
}

TEST(AccountText, OfNobodyAtAllIsRefusedWithoutAGuess) {
    for (const char* text :
         {"", " ", "zzzzzzzzzz", ":", ":x", "carrier:pigeon",
          // These are no people of a chat: no id, that of a group, a channel or a bot, a name, a level too
          // much.
          "slack:", "slack:T0SIM/", "slack:/U0RILEY", "slack:T0SIM/U0RILEY/x", "slack:U", "slack:S0SEC",
          "slack:C0OPS", "slack:B0BOT", "slack:riley", "slack:T0SIM", "slack:U0SIM/U0RILEY", "slack:|",
          "teams:", "teams:x", "teams:riley", "teams:29:1bSnHZ7", "teams:19:x@thread.tacv2", "teams:-",
          "teams:8f0c2d4e-0000-4000-8000-1b2c3d4e5f6", "teams:8f0c2d4e-0000-4000-80001b2c3d4e5f60-",
          "teams:gf0c2d4e-0000-4000-8000-1b2c3d4e5f60", "teams:contoso/8f0c2d4e-0000-4000-8000-1b2c3d4e5f60",
          // These are no mailboxes.
          "email:riley", "email:@", "email:riley@", "email:a b@c", "email:a@b@c.d", "email:a@b", "email:a@b.",
          "email:a@.b", "email:a@b..c", "email:.a@b.c", "email:a..b@c.d", "email:a@-b.c", "email:a@b-.c",
          "email:a@b.c_d", "email:a,b@c.d", "email:\"a\"@b.c", "email:a@[10.0.0.1]", "email:a@10.0.0.1",
          "email:\u65E5\u672C@example.com", "email:riley@ex\u00E4mple.com",
          // These are no logins, subjects or tokens.
          "github:", "github:a b", "github:-", "github:a/b", "github:octo[bot]",
          "github:aaaaaaaaaabbbbbbbbbbccccccccccdddddddddd", "oidc:", "oidc:x", "oidc:|", "oidc:x|y",
          "oidc:|y", "oidc:https://issuer.example|", "oidc:https://|y", "oidc:https:///x|y",
          "oidc:https://a b|y", "oidc:javascript:x|y", "token:", "token:x", "token:tok_", "token:tok_x",
          "token:tok_81JD0000000000000000000000"})
        EXPECT_THAT(said_to(text), Not(HasSubstr("did you mean"))) << text;
    EXPECT_THAT(said_to("email:" + std::string(400, 'a') + "@b"), HasSubstr("longer than 320"));
}

// ---- whether anybody is there

using Presence = Directory::Presence;

TEST(Presence, OfAChatsAccountIsForItsChatToSay) {
    World world;
    world.user("U0NONE", AccountClass::unknown);
    auto directory = world.directory();
    EXPECT_EQ(directory.presence(slack("U0DAN")), Presence::somebody);
    EXPECT_EQ(directory.presence(AccountId{"slack:U0DAN"}), Presence::somebody);
    for (const char* user : {"U0GUEST", "U0GONE", "U0BOT", "U0STRANGER", "U0NONE"})
        EXPECT_EQ(directory.presence(slack(user)), Presence::nobody) << user;
    EXPECT_EQ(directory.presence(slack("U0NEVER")), Presence::unasked);
    EXPECT_EQ(directory.presence(AccountId{"slack:T0ELSE/U0DAN"}), Presence::nobody);
    EXPECT_EQ(world.offline().presence(slack("U0GONE")), Presence::somebody);
}

TEST(Presence, OfAPersonIsThatOfAnyAccountOfTheirs) {
    World world;
    EXPECT_EQ(world.directory().presence(AccountId{"riley"}), Presence::somebody);
    world.user("U0RILEY", AccountClass::deleted);
    EXPECT_EQ(world.directory().presence(AccountId{"riley"}), Presence::nobody);
    EXPECT_EQ(world.directory().presence(AccountId{"email:riley@example.com"}), Presence::nobody);
    world.policy.people[0].accounts.emplace_back("slack:U0DAN");
    EXPECT_EQ(world.directory().presence(slack("U0RILEY")), Presence::somebody);
    world.policy.people.push_back({PersonId{"zoe"}, {}});
    EXPECT_EQ(world.directory().presence(AccountId{"zoe"}), Presence::somebody);
}

TEST(Presence, OfWhatNamesNobodyIsNobodys) {
    auto directory = World{}.directory();
    for (const char* text : {"rilye", "riley@example.com", "slack:T0SIM/u0riley", "slack:T0SIM/U0RILEY ",
                             "token:tok_01JD0000000000000000000000"})
        EXPECT_EQ(directory.presence(AccountId{text}), Presence::nobody) << text;
    EXPECT_EQ(directory.presence(AccountId{"github:octo"}), Presence::somebody);
}

// ---- what that does to a request

const std::vector<std::string> nobodies{"slack:T0SIM/U0GONE",  "slack:T0SIM/U0BOT",  "slack:T0SIM/U0GUEST",
                                        "slack:T0SIM/U0NONE",  "slack:T0ELSE/U0DAN", "slack:T0SIM/u0riley",
                                        "slack:T0SIM/U0RILEY "};

Play play_for(const std::string& human) {
    World world;
    world.user("U0NONE", AccountClass::unknown);
    return Play{one_reviewer(), request_of({AccountId{human}}), std::move(world)};
}

TEST(Nobodies, AreUnlinkedSoThatNobodyMayApproveBesideThem) {
    for (const auto& human : nobodies) {
        Play play = play_for(human);
        EXPECT_EQ(std::get<Opened>(play.c.entries[0]).unlinked, std::vector{AccountId{human}}) << human;
        play.approve("U0RILEY");
        EXPECT_EQ(play.why(), Why::unlinked) << human;
        play.approve("U0AMY");
        EXPECT_EQ(play.why(), Why::unlinked) << human;
    }
}

TEST(Nobodies, AreNotCountedAsHumans) {
    World world;
    world.user("U0NONE", AccountClass::unknown);
    Rule named;
    named.name = "production names a human";
    named.refuse = "nobody is named";
    named.when = Condition{
        core::Test{.field = "requester.humans", .op = core::Test::Operator::eq, .operand = Value{0}}};
    world.policy.rules = {named};
    auto refused = [&](const std::string& human) {
        auto applied = match(world.directory(), request_of({AccountId{human}}), std::nullopt, start);
        return applied && applied->rules == std::vector<std::string>{named.name};
    };
    for (const auto& human : nobodies) EXPECT_TRUE(refused(human)) << human;
    EXPECT_FALSE(refused("slack:T0SIM/U0DAN"));
    EXPECT_FALSE(refused("riley"));
    EXPECT_FALSE(refused("github:octo"));
}

TEST(Nobodies, WhoWereNotAskedAboutYetAreNotTakenForSomebodyElse) {
    Play play = play_for("slack:T0SIM/U0NEVER");
    play.approve("U0DAN");
    play.approve("U0AMY");
    EXPECT_EQ(play.why(), Why::unlinked);
    play.world.user("U0NEVER", AccountClass::member);
    play.approve("U0AMY");
    EXPECT_EQ(play.state(), State::approved);
}

TEST(Nobodies, OpenNoAllow) {
    World world;
    Rule own;
    own.name = "amy's own";
    own.allow = true;
    own.when = Condition{
        core::Test{.field = "requester.people", .op = core::Test::Operator::eq, .operand = Value{"amy"}}};
    world.policy.rules = {own};
    Request request = request_of({});
    request.requester.kind = Requester::Kind::person;
    request.requester.humans = {AccountId{"amy"}};
    auto allowed = [&] {
        auto applied = match(world.directory(), request, std::nullopt, start);
        return applied && applied->kind == Applied::Kind::allow;
    };
    EXPECT_TRUE(allowed());
    world.user("U0AMY", AccountClass::deleted);
    EXPECT_FALSE(allowed());
}

}  // namespace
}  // namespace countersign::core::testing
