#include "countersign/core/card_sections.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/world.hpp"

namespace countersign::core::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using Part = CardSection::Part;

std::vector<Part> parts_of(const std::vector<CardSection>& sections) {
    std::vector<Part> parts;
    for (const CardSection& section : sections) parts.push_back(section.part);
    return parts;
}

// Words and names, without what a chat makes of them.
std::string text_of(const CardSection& section) {
    std::string text;
    for (const CardLine& line : section.lines) {
        for (const CardRun& run : line) {
            text += run.text;
            for (const Who& who : run.people) text += who.name + ",";
        }
        text += "\n";
    }
    return text;
}
std::string text_of(const std::vector<CardSection>& sections, Part part) {
    for (const CardSection& section : sections)
        if (section.part == part) return text_of(section);
    return {};
}

std::vector<CardSection> sections_of(const Play& play, Surface surface = Surface::slack) {
    return card_sections(card(play.c, decide(play.c), play.world.directory(), surface));
}

TEST(CardSections, StandInTheOrderOfTheCardAndAreNeverEmpty) {
    Play play{requires_of({asks({{2, "security"}})})};
    EXPECT_THAT(parts_of(sections_of(play)),
                ElementsAre(Part::headline, Part::what, Part::who, Part::state, Part::intent, Part::footer));
    play.approve("U0AMY");
    EXPECT_THAT(parts_of(sections_of(play)), ElementsAre(Part::headline, Part::what, Part::who, Part::state,
                                                         Part::votes, Part::intent, Part::footer));
    for (const CardSection& section : sections_of(play)) EXPECT_FALSE(section.lines.empty());
}

TEST(CardSections, SayTheSameInEveryChat) {
    Play play{requires_of({asks({{2, "security"}, {1, "dba"}})})};
    play.approve("U0AMY");
    for (Part part : {Part::headline, Part::what, Part::state, Part::votes, Part::footer})
        EXPECT_EQ(text_of(sections_of(play, Surface::slack), part),
                  text_of(sections_of(play, Surface::teams), part));
}

TEST(CardSections, SayWhatIsMissingWhilePendingAndWhoDecidedAfterwards) {
    Play play{requires_of({asks({{1, "security"}, {1, "dba"}})})};
    play.approve("U0AMY");
    EXPECT_THAT(text_of(sections_of(play), Part::headline), HasSubstr("Approval needed: db.export"));
    EXPECT_EQ(text_of(sections_of(play), Part::state), "Still needed\n• 1 of dba: cat,\n");
    play.approve("U0CAT");
    EXPECT_THAT(text_of(sections_of(play), Part::headline), HasSubstr("Approved: db.export"));
    EXPECT_THAT(text_of(sections_of(play), Part::state), HasSubstr("Approved by cat,"));
    EXPECT_THAT(text_of(sections_of(play), Part::state), Not(HasSubstr("Still needed")));
}

TEST(CardSections, AHostileParameterNameCannotPassForAnAssignment) {
    EXPECT_EQ(parameter_text({"rows", "1"}), "rows = 1");
    EXPECT_EQ(parameter_text({"rows = 1, x", "2"}), "\"rows = 1, x\" = 2");
}

TEST(CardSummaries, SayWhatIsAskedForAndWhatIsStillNeeded) {
    Play play{requires_of({asks({{2, "security"}})})};
    auto summary = card_summary(play.c, decide(play.c));
    EXPECT_EQ(summary.line, "db.export in production on orders");
    EXPECT_THAT(summary.detail, HasSubstr("pending, asked by ci, expires "));
    EXPECT_THAT(summary.detail, HasSubstr("still needed: 2 of security"));
    play.cast("U0BEN", Verdict::deny, "no");
    EXPECT_EQ(card_summary(play.c, decide(play.c)).detail, "denied, asked by ci");
}

}  // namespace
}  // namespace countersign::core::testing
