#include "countersign/wire/html_card.hpp"
#include "countersign/pages/page.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace countersign::wire {
namespace {

using core::CardRun;
using core::CardSection;
using testing::HasSubstr;
using testing::Not;

TEST(Page, NothingThatStandsInARequestIsMarkup) {
    const std::string hostile = "</p><script>alert(1)</script><a href=\"javascript:x\">&amp;'";
    std::vector<CardSection> sections;
    for (auto kind : {CardRun::Kind::words, CardRun::Kind::strong, CardRun::Kind::quiet,
                      CardRun::Kind::literal, CardRun::Kind::prose, CardRun::Kind::address}) {
        CardSection section{CardSection::Part::what};
        section.heading = section.raw = section.note = hostile;
        section.lines.push_back({CardRun{.kind = kind, .text = hostile},
                                 CardRun{.kind = CardRun::Kind::people, .people = {{hostile, {}}}}});
        sections.push_back(std::move(section));
    }
    const auto page = pages::html_page(
        {.title = hostile, .body = html_sections(sections) + pages::html_paragraph(hostile)});
    for (const char* mark : {"<script", "<a ", "</p><s", "href=\"java"})
        EXPECT_THAT(page, Not(HasSubstr(mark)));
    EXPECT_THAT(page, HasSubstr("&lt;script&gt;alert(1)"));
}

TEST(Page, ARawTextStandsThereWithItsLineEnds) {
    CardSection section{CardSection::Part::what};
    section.raw = "a\n  b <c>";
    EXPECT_THAT(html_sections({section}), HasSubstr("<pre>\na&#10;  b &lt;c&gt;</pre>"));
}

}  // namespace
}  // namespace countersign::wire
