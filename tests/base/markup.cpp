#include "countersign/base/markup.hpp"

#include <gtest/gtest.h>

namespace countersign {
namespace {

TEST(Markup, NothingOfATextIsMarkupAndLineEndsStay) {
    EXPECT_EQ(escape_markup("<a href='x'>\"R&D\"</a>\nplain"),
              "&lt;a href=&#39;x&#39;&gt;&quot;R&amp;D&quot;&lt;/a&gt;&#10;plain");
    EXPECT_EQ(escape_markup(""), "");
}

}  // namespace
}  // namespace countersign
