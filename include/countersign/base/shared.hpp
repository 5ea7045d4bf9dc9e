#pragma once
#include <memory>
#include <utility>

namespace countersign {

// Holds a value that never changes and is owned by all copies together, so that copying costs one pointer. It
// is empty only after it was moved from.
template <class T>
class Shared {
  public:
    Shared() : Shared(T{}) {}
    Shared(T value) : value_(std::make_shared<const T>(std::move(value))) {}
    const T& operator*() const { return *value_; }
    const T* operator->() const { return value_.get(); }
    operator const T&() const { return *value_; }
    // Owns the whole value with everybody else, and points to a part of it.
    template <class Part>
    std::shared_ptr<const Part> share(const Part& part) const {
        return {value_, &part};
    }
    // Replaces the value of this copy by a changed one; all other copies keep the old value.
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
