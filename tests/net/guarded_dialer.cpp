#include "countersign/net/guarded_dialer.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "countersign/net/byte_stream.hpp"
#include "countersign/net/reach.hpp"
#include "net/net_world.hpp"

namespace countersign::net {
namespace {

using namespace std::chrono_literals;

struct Reachable {
    const char* address;
    Reach reach;
};

TEST(Addresses, EveryKindOfAddressIsKnownForWhatItIs) {
    using enum Reach;
    constexpr Reachable table[] = {
        {"8.8.8.8", open},
        {"1.1.1.1", open},
        {"172.15.255.255", open},
        {"172.32.0.0", open},
        {"100.63.255.255", open},
        {"100.128.0.0", open},
        {"198.17.255.255", open},
        {"223.255.255.255", open},
        {"2606:4700::1111", open},
        {"2001:4860:4860::8888", open},
        {"127.0.0.1", in_house},
        {"127.255.255.254", in_house},
        {"10.1.2.3", in_house},
        {"172.16.0.1", in_house},
        {"172.31.255.255", in_house},
        {"192.168.1.1", in_house},
        {"100.64.0.1", in_house},
        {"192.0.2.1", in_house},
        {"198.18.0.1", in_house},
        {"203.0.113.7", in_house},
        {"::1", in_house},
        {"fc00::1", in_house},
        {"fd12:3456::1", in_house},
        {"2001:db8::1", in_house},
        {"2001:10::1", in_house},
        {"3fff::1", in_house},
        {"4000::1", in_house},
        {"0.0.0.0", never},
        {"0.1.2.3", never},
        {"169.254.169.254", never},
        {"169.254.0.1", never},
        {"168.63.129.16", never},
        {"100.100.100.200", never},
        {"192.0.0.192", never},
        {"224.0.0.1", never},
        {"255.255.255.255", never},
        {"::", never},
        {"fe80::1", never},
        {"febf::1", never},
        {"fec0::1", never},
        {"ff02::1", never},
        {"fd00:ec2::254", never},
        {"fd20:ce::254", never},
        {"100::1", never},
        // These are IPv4 addresses in IPv6 ones, however they are wrapped.
        {"::ffff:127.0.0.1", in_house},
        {"::ffff:8.8.8.8", in_house},
        {"::ffff:169.254.169.254", never},
        {"::ffff:0:169.254.169.254", never},
        {"::169.254.169.254", never},
        {"64:ff9b::7f00:1", in_house},
        {"64:ff9b::a9fe:a9fe", never},
        {"64:ff9b:1::a9fe:a9fe", never},
        {"2002:a9fe:a9fe::1", never},
        {"2002:7f00:1::1", in_house},
        {"2001:0:4136:e378:8000:63bf:5601:5601", never},  // Teredo around 169.254.169.254
    };
    for (const auto& [address, reach] : table)
        EXPECT_EQ(reach_of(boost::asio::ip::make_address(address)), reach) << address;
}

// Simulates names that resolve to one address the first time and to another the next, and notes what was
// connected to.
struct ShiftyNetwork final : net::Connector {
    explicit ShiftyNetwork(test::NetWorld& w) : world(w) {}
    test::NetWorld& world;
    std::map<std::string, std::vector<std::vector<std::string>>> answers;
    std::map<std::string, std::size_t> asked;
    std::vector<std::string> connected;
    std::vector<std::string> dead;

    Later<std::vector<net::Address>> resolve(const std::string& host, Deadline) override {
        auto& all = answers.at(host);
        std::vector<net::Address> addresses;
        for (const auto& text : all[std::min(asked[host]++, all.size() - 1)])
            addresses.push_back(boost::asio::ip::make_address(text));
        co_return addresses;
    }
    Later<net::StreamPtr> connect(const net::Url& url, const net::Address& address,
                                  Deadline deadline) override {
        connected.push_back(url.host + "@" + address.to_string());
        if (std::ranges::find(dead, address.to_string()) != dead.end())
            co_return fail(Trouble::unavailable, "nobody there", "connect");
        co_return co_await world.network->dial(world.url(), deadline);
    }
};

struct Guarded : testing::Test {
    test::NetWorld world;
    ShiftyNetwork network{world};

    void SetUp() override { world.listener = world.network->listen("server:80"); }
    Result<Done> dial(const std::string& host, bool in_house = false) {
        GuardedDialer dialer{
            network,
            world.time,
            {.in_house = [in_house](const std::string&) { return in_house; }, .how_to_allow = {}}};
        std::optional<Result<Done>> answer;
        world.spawn([](GuardedDialer& guarded, net::Url url, core::Instant until,
                       std::optional<Result<Done>>& out) -> rt::asio::awaitable<void> {
            auto stream = co_await guarded.dial(url, Deadline{until});
            out = stream ? Result<Done>{Done{}} : Result<Done>{pass(stream)};
        }(dialer, {"https", host, 443, "/"}, world.time.now() + 15s, answer));
        world.settle();
        return answer.value();
    }
};

TEST_F(Guarded, TheAddressThatWasCheckedIsTheOneThatIsConnectedTo) {
    // This name rebinds: it is public when it is checked, and private at any later look-up.
    network.answers["rebind.example.com"] = {{"203.0.114.1"}, {"127.0.0.1"}};
    ASSERT_TRUE(dial("rebind.example.com"));
    EXPECT_EQ(network.connected, std::vector<std::string>{"rebind.example.com@203.0.114.1"});
    EXPECT_EQ(network.asked["rebind.example.com"], 1U) << "a second look-up could say otherwise";
    auto second = dial("rebind.example.com");
    ASSERT_FALSE(second);
    EXPECT_EQ(second.error().code, "address_refused");
    EXPECT_EQ(network.connected.size(), 1U);
}

TEST_F(Guarded, OneAddressThatIsRefusedRefusesTheName) {
    network.answers["mixed.example.com"] = {{"8.8.8.8", "10.0.0.1"}};
    network.answers["meta.example.com"] = {{"2606:4700::1111", "::ffff:169.254.169.254"}};
    EXPECT_EQ(dial("mixed.example.com").error().code, "address_refused");
    EXPECT_TRUE(network.connected.empty());
    EXPECT_TRUE(dial("mixed.example.com", true));
    EXPECT_EQ(dial("meta.example.com", true).error().code, "address_refused");
}

TEST_F(Guarded, TheRefusalDoesNotTellTheAddress) {
    network.answers["inside.example.com"] = {{"10.11.12.13"}};
    EXPECT_EQ(dial("inside.example.com").error().detail.find("10.11"), std::string::npos);
}

TEST_F(Guarded, ADeadAddressIsFollowedByTheNext) {
    network.answers["two.example.com"] = {{"8.8.8.8", "8.8.4.4"}};
    network.dead = {"8.8.8.8"};
    ASSERT_TRUE(dial("two.example.com"));
    EXPECT_EQ(network.connected,
              (std::vector<std::string>{"two.example.com@8.8.8.8", "two.example.com@8.8.4.4"}));
}

}  // namespace
}  // namespace countersign::net
