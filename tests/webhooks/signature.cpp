#include "webhooks/signature.hpp"

#include <gtest/gtest.h>

#include "countersign/app/webhooks.hpp"
#include "countersign/base/text.hpp"

namespace countersign::webhooks {
namespace {

core::Instant at(std::int64_t seconds) {
    return core::Instant{std::chrono::seconds{seconds}};
}

Secret decoded(std::string_view text) {
    return Secret{unbase64(text.substr(6)).value()};
}

// These vectors come from Standard Webhooks' own libraries.
TEST(Signature, IsWhatTheReferenceLibrariesMake) {
    EXPECT_EQ(signature({decoded("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")}, "msg_p5jXN8AQM9LWM0D4loKWxJek",
                        at(1614265330), R"({"test": 2432232314})"),
              "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    EXPECT_EQ(
        signature(
            {decoded("whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=")}, "msg_01J0000000000000000000002",
            at(1767323045),
            R"({"type":"approval.decided","timestamp":"2026-01-02T03:04:05Z","data":{"id":"req_01J0000000000000000000000","decision":"APPROVED"}})"),
        "v1,ZbgtmsOYA6eeNgYhBjVnhafHi3OfmTPhoWgwC+ekilw=");
}

TEST(Signature, TwoSecretsMakeTwoSignaturesOfWhichEachVerifies) {
    Secret old = decoded("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
    Secret fresh = decoded("whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=");
    auto both = signature({fresh, old}, "evt_1", at(1), "{}");
    EXPECT_EQ(both, signature({fresh}, "evt_1", at(1), "{}") + " " + signature({old}, "evt_1", at(1), "{}"));
}

TEST(Signature, SecretsAreDerivedFromTheKeyTheSubscriptionAndTheNumber) {
    app::WebhookKey key{Secret{std::string(32, 'k')}};
    app::WebhookKey other{Secret{std::string(32, 'o')}};
    core::SubscriptionId a{core::SubscriptionId::Bytes{std::byte{1}}};
    core::SubscriptionId b{core::SubscriptionId::Bytes{std::byte{2}}};
    EXPECT_EQ(key.secret(a, 1), key.secret(a, 1));
    EXPECT_FALSE(key.secret(a, 1) == key.secret(a, 2));
    EXPECT_FALSE(key.secret(a, 1) == key.secret(b, 1));
    EXPECT_FALSE(key.secret(a, 1) == other.secret(a, 1));
    EXPECT_NE(key.id(), other.id());
    EXPECT_EQ(key.secret(a, 1).reveal().size(), 32U);
    EXPECT_TRUE(app::secret_text(key.secret(a, 1)).reveal().starts_with("whsec_"));
}

}  // namespace
}  // namespace countersign::webhooks
