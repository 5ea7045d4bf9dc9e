#include "countersign/app/receipts.hpp"

#include <gtest/gtest.h>

namespace countersign::app {
namespace {

const Secret first_key{std::string(32, 'a')};
const Secret second_key{std::string(32, 'b')};
const core::RequestId request{core::RequestId::Bytes{std::byte{1}}};
const core::RequestId another{core::RequestId::Bytes{std::byte{2}}};
constexpr core::Instant decided{std::chrono::hours{24 * 20'000}};

core::Ruling ruling(core::State state = core::State::approved) {
    core::Ruling made;
    made.state = state;
    if (state != core::State::pending) made.decided_at = decided;
    return made;
}

struct Parts {
    std::string until;
    std::string signature;
};
Parts parts_of(const std::string& link) {
    auto until = link.find("until=");
    auto signature = link.find("&signature=");
    return {link.substr(until + 6, signature - until - 6), link.substr(signature + 11)};
}

TEST(ReceiptLink, IsGoodForThirtyDaysAndForItsRequestAlone) {
    ReceiptLinks links("https://approvals.example.com", first_key);
    auto link = links.link(request, ruling());
    EXPECT_TRUE(link.starts_with("https://approvals.example.com/r/req_")) << link;
    EXPECT_EQ(link, links.link(request, ruling(core::State::claimed)));
    auto [until, signature] = parts_of(link);
    auto last = decided + ReceiptLinks::good_for - std::chrono::seconds{1};
    EXPECT_TRUE(links.check(request, until, signature, decided));
    EXPECT_TRUE(links.check(request, until, signature, last));
    EXPECT_EQ(links.check(request, until, signature, last + std::chrono::seconds{1}).error().code,
              "link_expired");
    EXPECT_EQ(links.check(another, until, signature, decided).error().code, "link_invalid");
    EXPECT_EQ(links.check(request, std::to_string(std::stoll(until) + 1), signature, decided).error().code,
              "link_invalid");
    EXPECT_EQ(links.check(request, until, "", decided).error().code, "link_invalid");
    EXPECT_EQ(links.check(request, until, signature.substr(1), decided).error().code, "link_invalid");
}

TEST(ReceiptLink, IsNoneWhileNothingIsDecided) {
    EXPECT_EQ(ReceiptLinks("https://a.example", first_key).link(request, ruling(core::State::pending)), "");
}

TEST(ReceiptLink, StaysGoodWhenTheServerKeyIsReplacedAndIsNobodyElses) {
    auto [until, signature] = parts_of(ReceiptLinks("https://a.example", first_key).link(request, ruling()));
    ReceiptLinks replaced("https://a.example", second_key, {first_key});
    EXPECT_TRUE(replaced.check(request, until, signature, decided));
    ReceiptLinks stranger("https://a.example", second_key);
    EXPECT_EQ(stranger.check(request, until, signature, decided).error().code, "link_invalid");
}

}  // namespace
}  // namespace countersign::app
