export {
  createAutomation,
  type Automation,
  type CreateAutomationDeps,
  type EventPublisher,
} from './automation.ts';
export type { AutomationDeps } from './automation-deps.ts';
export { createDeadLetterDesk, type DeadLetterDeskDeps } from './dead-letters/create-dead-letter-desk.ts';
export * from './dead-letters/dead-letter-desk.ts';
export { StuckJobs } from './dead-letters/stuck-jobs.ts';
export type { EvaluateCondition, EvaluateInputs } from './evaluate-inputs.ts';
export { createEventStore, type EventStore, type PublishedEvent } from './events/event-store.ts';
export { checkSchedule } from './schedules/check-schedule.ts';
export {
  createScheduleService,
  type ScheduleService,
  type ScheduleStatus,
  type SlotView,
} from './schedules/schedule-service.ts';
export { ScheduleTicker, type TickerSettings } from './schedules/schedule-ticker.ts';
export { createBuiltinSensors } from './sensors/builtin-sensors.ts';
export { builtinSensorConfigs, checkSensor, type SensorTypeConfig } from './sensors/check-sensor.ts';
export { SensorRunner, type SensorRunnerDeps } from './sensors/sensor-runner.ts';
export { createSensorService, type SensorService, type SensorStatus } from './sensors/sensor-service.ts';
export {
  type SensorRegistry,
  type SensorFinding,
  type SensorLook,
  type SensorType,
} from './sensors/sensor-type.ts';
