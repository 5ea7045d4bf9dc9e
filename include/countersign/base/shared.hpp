#pragma once
#include <memory>
#include <utility>

namespace countersign {

// A value that never changes, owned together by everybody who has it: copying one copies a pointer. Never
// empty but after it was moved from.
template <class T>
class Shared {
  public:
    Shared() : Shared(T{}) {}
    Shared(T value) : value_(std::make_shared<const T>(std::move(value))) {}
    const T& operator*() const { return *value_; }
    const T* operator->() const { return value_.get(); }
    operator const T&() const { return *value_; }
    // A changed copy takes its place here; all others keep the value as it is.
    template <class Change>
    void change(Change change) {
        T copy = *value_;
        change(copy);
        value_ = std::make_shared<const T>(std::move(copy));
    }
    friend bool operator==(const Shared& a, const Shared& b) {
        return a.value_ == b.value_ || *a.value_ == *b.value_;
    }
    friend bool operator==(const Shared& a, const T& b) { return *a.value_ == b; }

  private:
    std::shared_ptr<const T> value_;
};

}  // namespace countersign
