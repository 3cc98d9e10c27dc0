// Reading properties of messages that may be named like what every object inherits: `constructor`, `toString`.

/**
 * A property of a message. Undefined for one that it only has because every object does; one that it inherits from
 * elsewhere, as an instance of a class has getters, counts.
 */
export function readProperty<T extends object, K extends keyof T>(message: T, property: K): T[K] | undefined {
  return Object.hasOwn(message, property) || !(property in Object.prototype) ? message[property] : undefined;
}
