/** What a defect in a pod's annotations is: the field at fault and one line about it. src/cni makes it code 101. */
export class AnnotationError extends Error {
  readonly field: string;

  constructor(field: string, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "AnnotationError";
    this.field = field;
  }
}
