#include "countersign/app/shown.hpp"

#include <gtest/gtest.h>

#include "contract/world.hpp"

namespace countersign::contract {
namespace {

using What = app::Shown::What;

template <class Backend>
struct ShownTo : testing::Test {
    Backend on;
    core::RequestId id = core::RequestId::mint(on.clock.now(), {std::byte{7}});

    app::Shown page(std::int32_t seen, std::int32_t pages = 3) {
        return {.request = id,
                .account = core::AccountId{"slack:T0/U0AMY"},
                .what = What::full_view,
                .chat = core::Surface::slack,
                .digest = "sha256:aa",
                .version = 1,
                .seen = seen,
                .pages = pages,
                .at = on.clock.now()};
    }
    app::Shown put(app::Shown shown) { return on.get(on.shown().put(std::move(shown), on.soon())).value(); }
    Result<app::Shown> find(const char* account = "slack:T0/U0AMY", What what = What::full_view,
                            core::Surface chat = core::Surface::slack) {
        return on.get(on.shown().find(id, core::AccountId{account}, what, chat, on.soon()));
    }
};
using ShownBackends = testing::Types<InMemory, OnPostgres>;
TYPED_TEST_SUITE(ShownTo, ShownBackends);

TYPED_TEST(ShownTo, WhatWasShownIsFoundForThatPersonAndPlaceAlone) {
    EXPECT_EQ(this->find().error().trouble, Trouble::not_found);
    this->put(this->page(1));
    EXPECT_EQ(this->find().value(), this->page(1));
    EXPECT_EQ(this->find("slack:T0/U0BEN").error().trouble, Trouble::not_found);
    EXPECT_EQ(this->find("slack:T0/U0AMY", What::essence).error().trouble, Trouble::not_found);
    EXPECT_EQ(this->find("slack:T0/U0AMY", What::full_view, core::Surface::teams).error().trouble,
              Trouble::not_found);
}

TYPED_TEST(ShownTo, WhatWasSeenStaysSeenWhileItIsTheSame) {
    this->put(this->page(1));
    this->put(this->page(3));
    EXPECT_EQ(this->put(this->page(1)).seen, 3) << "the first page again";
    EXPECT_TRUE(this->find()->all());
    EXPECT_EQ(this->put(this->page(1, 4)).seen, 1) << "it has other pages now";
    this->put(this->page(4, 4));
    auto other = this->page(1, 4);
    other.digest = "sha256:bb";
    EXPECT_EQ(this->put(other).seen, 1) << "it is another request's";
}

TYPED_TEST(ShownTo, WhatIsOldGoesWithWhatIsShownLater) {
    this->put(this->page(3));
    auto other = this->page(1);
    other.request = core::RequestId::mint(this->on.clock.now(), {std::byte{8}});
    other.at += app::shown_kept;
    this->put(other);
    EXPECT_TRUE(this->find()) << "not older than that yet";
    other.at += std::chrono::seconds{1};
    this->put(other);
    EXPECT_EQ(this->find().error().trouble, Trouble::not_found);
    this->put(this->page(1));
    auto late = this->page(2);
    late.at = other.at + std::chrono::seconds{1};
    EXPECT_EQ(this->put(late).seen, 2) << "a row that is written anew is not one that goes";
    EXPECT_TRUE(this->find());
}

TEST(SealedShown, ARowThatSomebodyChangedIsAsGoodAsNone) {
    struct Play : ShownTo<OnPostgres> {
        void TestBody() override {}
    } play;
    play.put(play.page(1));
    play.on.sql("UPDATE shown SET seen = pages");
    EXPECT_EQ(play.find().error().trouble, Trouble::corrupt);
    EXPECT_EQ(play.put(play.page(2)).seen, 2) << "and what is shown from here on counts";
    EXPECT_EQ(play.find()->seen, 2);
}

}  // namespace
}  // namespace countersign::contract
