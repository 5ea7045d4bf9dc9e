#include "countersign/core/request_number.hpp"

#include <gtest/gtest.h>

namespace countersign::core {
namespace {

TEST(RequestNumber, IsDigitsWithOrWithoutAHash) {
    EXPECT_EQ(request_number("9"), 9);
    EXPECT_EQ(request_number("#9"), 9);
    EXPECT_EQ(request_number("999999999999999"), 999'999'999'999'999);
    for (auto text :
         {"", "#", "##9", "0", "#0", "09", "-9", "+9", " 9", "9 ", "9a", "9.0", "1000000000000000"})
        EXPECT_EQ(request_number(text), std::nullopt) << text;
}

}  // namespace
}  // namespace countersign::core
