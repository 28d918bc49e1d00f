// What a card's fields may hold: how it is written, when it is whole and what is wrong with it. Knows no page.

const BRANDS = [
  ["visa", /^4/, [16]],
  ["mastercard", /^(5[1-5]|222[1-9]|22[3-9]|2[3-6]|27[01]|2720)/, [16]],
  ["amex", /^3[47]/, [15]],
  ["discover", /^(6011|64[4-9]|65)/, [16]],
  ["diners", /^(30[0-5]|3095|36|3[89])/, [14, 16]],
  ["jcb", /^35(2[89]|[3-8])/, [16]],
  ["unionpay", /^(62|81)/, [16, 17, 18, 19]],
];

const UNKNOWN = ["unknown", /^/, [16]];

function kind(number) {
  return BRANDS.find(([, start]) => start.test(number)) ?? UNKNOWN;
}

export function brand(number) {
  return kind(number)[0];
}

export function digits(text) {
  return text.replace(/\D/g, "");
}

function passesLuhn(number) {
  const sum = [...number].reverse().reduce((total, digit, position) => {
    const value = Number(digit) * (position % 2 === 0 ? 1 : 2);
    return total + (value > 9 ? value - 9 : value);
  }, 0);
  return sum % 10 === 0;
}

const fault = (code, message) => ({ type: "validation_error", code, message });

function longest(number) {
  return Math.max(...kind(number)[2]);
}

function number(text) {
  const given = digits(text);
  const lengths = kind(given)[2];
  if (given.length < Math.min(...lengths)) {
    return { error: fault("incomplete_number", "Your card number is incomplete.") };
  }
  if (!passesLuhn(given)) {
    // More digits may follow where a brand has numbers of several lengths.
    return { error: fault("invalid_number", "Your card number is invalid."), final: given.length >= longest(given) };
  }
  return { full: given.length >= longest(given) || lengths.length === 2 };
}

function expiry(text, now) {
  const given = digits(text);
  if (given.length < 4) {
    return { error: fault("incomplete_expiry", "Your card's expiration date is incomplete.") };
  }
  const { month, year } = monthAndYear(text);
  const thisYear = now.getFullYear();
  if (month < 1 || month > 12) {
    return { error: fault("invalid_expiry_month", "Your card's expiration month is invalid."), final: true };
  }
  if (year < thisYear || (year === thisYear && month < now.getMonth() + 1)) {
    return { error: fault("invalid_expiry_year_past", "Your card's expiration date is in the past."), final: true };
  }
  if (year > thisYear + 50) {
    return { error: fault("invalid_expiry_year", "Your card's expiration year is invalid."), final: true };
  }
  return { full: true };
}

/** American Express prints four digits, and takes three as well. */
function longestCvc(cardNumber) {
  return brand(digits(cardNumber)) === "amex" ? 4 : 3;
}

function cvc(text, cardNumber) {
  const length = digits(text).length;
  if (length < 3) return { error: fault("incomplete_cvc", "Your card's security code is incomplete.") };
  return { full: length === longestCvc(cardNumber) };
}

function postal(text) {
  return text.trim() ? {} : { error: fault("incomplete_zip", "Your postal code is incomplete.") };
}

export function monthAndYear(text) {
  const given = digits(text);
  return { month: Number(given.slice(0, 2)), year: 2000 + Number(given.slice(2, 4)) };
}

/**
 * What each field's text is worth: `error` while it is not whole, `final` when no further digit can mend it, `full` when
 * no further digit fits.
 */
export function judge(texts, now) {
  return {
    number: number(texts.number),
    expiry: expiry(texts.expiry, now),
    cvc: cvc(texts.cvc, texts.number),
    postal: postal(texts.postal),
  };
}

/** The text as it is to be shown while it is typed. */
export function written(field, text, cardNumber) {
  switch (field) {
    case "number": {
      const given = digits(text);
      const kept = given.slice(0, longest(given));
      const groups = brand(kept) === "amex" ? /^(\d{0,4})(\d{0,6})(\d{0,5})$/ : /^(\d{0,4})(\d{0,4})(\d{0,4})(\d{0,7})$/;
      return groups.exec(kept).slice(1).filter(Boolean).join(" ");
    }
    case "expiry": {
      let given = digits(text);
      // A month of one digit, when no month of two begins with it.
      if (/^[2-9]/.test(given)) given = `0${given}`;
      // As browsers fill it in: 12/2034.
      if (given.length === 6 && given.slice(2, 4) === "20") given = given.slice(0, 2) + given.slice(4);
      given = given.slice(0, 4);
      return given.length < 2 ? given : `${given.slice(0, 2)} / ${given.slice(2)}`;
    }
    case "cvc":
      return digits(text).slice(0, longestCvc(cardNumber));
    default:
      return text;
  }
}
