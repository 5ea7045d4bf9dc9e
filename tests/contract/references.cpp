#include "countersign/app/references.hpp"

#include <gtest/gtest.h>

#include "contract/world.hpp"

namespace countersign::contract {
namespace {

template <class Backend>
struct References : testing::Test {
    Backend on;
    app::ConversationReference reference(std::string conversation, core::Duration after = 0s) {
        return {.chat = core::Surface::teams,
                .conversation = std::move(conversation),
                .service_url = "https://smba.trafficmanager.net/emea/",
                .tenant = "tenant",
                .user = "",
                .chat_user = "",
                .gone = false,
                .heard_at = on.clock.now() + after};
    }
    void keep(app::ConversationReference one) {
        auto kept = on.get(on.references().keep(std::move(one), on.soon()));
        EXPECT_TRUE(kept) << kept.error().detail;
    }
    Result<app::ConversationReference> find(const std::string& conversation) {
        return on.get(on.references().find(core::Surface::teams, conversation, on.soon()));
    }
    Result<app::ConversationReference> of(const std::string& tenant, const std::string& user) {
        return on.get(on.references().of_person(core::Surface::teams, tenant, user, on.soon()));
    }
};
using ReferenceBackends = testing::Types<InMemory, OnPostgres>;
TYPED_TEST_SUITE(References, ReferenceBackends);

TYPED_TEST(References, AreFoundAsTheyWereLastHeardOf) {
    EXPECT_EQ(this->find("19:a").error().trouble, Trouble::not_found);
    auto first = this->reference("19:a");
    this->keep(first);
    EXPECT_EQ(this->find("19:a").value(), first);
    auto moved = this->reference("19:a", 1s);
    moved.service_url = "https://smba.trafficmanager.net/amer/";
    moved.gone = true;
    this->keep(moved);
    EXPECT_EQ(this->find("19:a").value(), moved);
    this->keep(first);  // comes late
    EXPECT_EQ(this->find("19:a").value(), moved);
}

TYPED_TEST(References, ThePersonsNewestConversationIsTheirs) {
    for (int i = 0; i < 3; ++i) {
        auto one = this->reference("a:" + std::to_string(i), std::chrono::seconds{i == 1 ? 9 : i});
        one.user = "ada";
        one.chat_user = "29:ada";
        this->keep(one);
    }
    this->keep(this->reference("19:a", 20s));
    EXPECT_EQ(this->of("tenant", "ada").value().conversation, "a:1");
    EXPECT_EQ(this->of("other", "ada").error().trouble, Trouble::not_found);
    EXPECT_EQ(this->of("tenant", "ben").error().trouble, Trouble::not_found);
}

TEST(SealedReferences, OneThatSomebodyChangedIsAsGoodAsNone) {
    OnPostgres on;
    app::ConversationReference one{.conversation = "19:a",
                                   .service_url = "https://smba.trafficmanager.net/emea/",
                                   .tenant = "tenant",
                                   .user = {},
                                   .chat_user = {},
                                   .heard_at = on.clock.now()};
    ASSERT_TRUE(on.get(on.references().keep(one, on.soon())));
    on.sql("UPDATE conversation_reference SET service_url = 'https://evil.example/'");
    auto found = on.get(on.references().find(core::Surface::teams, "19:a", on.soon()));
    ASSERT_FALSE(found);
    EXPECT_EQ(found.error().trouble, Trouble::corrupt);
}

}  // namespace
}  // namespace countersign::contract
