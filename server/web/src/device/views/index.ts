// What the device answers, as JSON: the serde forms of the types of `protocol` and `client-core`. One home for each shape;
// a name here is the name there. Moments and spans are milliseconds; a moment says by whose clock it is.

export * from './device'
export * from './names'
export * from './records'
export * from './rules'
