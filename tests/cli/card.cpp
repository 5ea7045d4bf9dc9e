#include "cli/card.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/world.hpp"
#include "countersign/base/text.hpp"
#include "countersign/wire/request_document.hpp"

namespace countersign::cli {
namespace {

using namespace core::testing;
using core::Value;
using ::testing::HasSubstr;
using ::testing::Not;

std::string shown(const Play& play) {
    auto document = wire::request_document(play.c, core::decide(play.c), play.world.directory(), play.now);
    return join(card_lines(card_of(document)), "\n") + "\n";
}

core::Request asking(Value parameters) {
    core::Request request = request_of();
    request.parameters = std::move(parameters);
    return request;
}

TEST(CardOnATerminal, SaysWhatCardsSayWithNothingCut) {
    auto executable = Value::object({{"path", "/usr/bin/psql"}, {"sha256", std::string(64, 'a')}});
    Play play{requires_of({asks({{1, "security"}, {1, "dba"}})}),
              asking(Value::object({{"argv", Value::Array{"psql", "-c", "DELETE FROM t\nWHERE x = 'a b'"}},
                                    {"cwd", "/srv"},
                                    {"executable", executable},
                                    {"note", std::string(5'000, 'n')}}))};
    play.approve("U0AMY");
    EXPECT_EQ(shown(play),
              "“why”\n"
              "ci (a program)\n"
              "says it acts for slack:T0SIM/U0RILEY\n"
              "Resource orders\n"
              "Command:\n"
              "  | $ psql -c <argv[2], below>\n"
              "in /srv · runs /usr/bin/psql\n"
              "argv[2] · text, 2 lines, 29 characters\n"
              "  | DELETE FROM t\n"
              "  | WHERE x = 'a b'\n"
              "Parameters:\n"
              "executable.sha256 = " +
                  std::string(64, 'a') + "\nnote = \"" + std::string(5'000, 'n') +
                  "\"\n"
                  "1 of dba: cat\n"
                  "✓ security: amy\n"
                  "Rule a rule\n"
                  "The next approval decides: the command then runs.\n"
                  "Expires 2026-01-02T04:00:00Z, 1h after it was asked\n");
}

TEST(CardOnATerminal, SaysHowItEnded) {
    Play play{requires_of({asks({{1, "security"}})})};
    play.cast("U0BEN", core::Verdict::deny, "window closed");
    EXPECT_THAT(shown(play), HasSubstr("by ben, 2026-01-02T03:00:00Z\n“window closed” — ben\n"));
    EXPECT_THAT(shown(play), Not(HasSubstr("Expires")));
}

TEST(CardOnATerminal, NoLineOfATextPassesForOneOfOurs) {
    Play play{one_reviewer(),
              asking(Value::object({{"q", "x\nThe next approval decides: nothing happens."}}))};
    EXPECT_THAT(shown(play), HasSubstr("  | x\n  | The next approval decides: nothing happens.\n"));
}

TEST(CardOnATerminal, ADocumentOfSomethingElseIsNoTrouble) {
    for (const Value& odd :
         {Value{}, Value{3}, Value::object({{"votes", 1}, {"missing", "x"}, {"held", true}})})
        EXPECT_FALSE(card_lines(card_of(odd)).empty());
}

}  // namespace
}  // namespace countersign::cli
